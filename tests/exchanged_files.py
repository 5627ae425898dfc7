"""Files that composers exchange, as texts and bytes: what tests read, and what the fuzz damages."""

import io
import zipfile

import numpy as np

from ddsp_nb.studio.partial_files import FILES
from ddsp_nb.studio.partials import Partial

# Seven unequal steps, in cents and ratios, up to a period that is no octave.
SCALE = "! seven.scl\n!\nSeven steps\n 7\n!\n 150.5 cents\n 9/8\n 5/4 E\\\n 4/3\n 3/2\n 900.\n 13/6\n"
KEYBOARD_MAP = "! a map\n9\n0\n127\n60\n64\n332.1\n7\n0\n1\n2\nx\n3\n4\nx\n5\n\n6\n"

NOTE = "<note><pitch><step>{0}</step><alter>{1}</alter><octave>{2}</octave></pitch><duration>{3}</duration>{4}</note>"
REST = "<note><rest/><duration>2</duration></note>"
REPEAT = '<barline location="{0}"><repeat direction="{1}"/></barline>'
# A flute with a chord, a rest, a quarter tone, a tie and a repeat; a clarinet in Bb that sounds a tone lower.
SCORE = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0">
<part-list><score-part id="P1"><part-name>Flute</part-name><score-instrument id="I1"><instrument-name>Flute
</instrument-name></score-instrument>
<midi-instrument id="I1"><midi-program>74</midi-program></midi-instrument></score-part>
<score-part id="P2"><part-name>Clarinet in Bb</part-name></score-part></part-list>
<part id="P1">
<measure number="1"><attributes><divisions>2</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>
<direction><direction-type><dynamics><p/></dynamics></direction-type><sound tempo="90" dynamics="54"/></direction>
{REPEAT.format("left", "forward")}{NOTE.format("A", 0, 4, 2, "")}
{NOTE.format("C", 1, 5, 2, "").replace("<note>", "<note><chord/>")}
{REST}{NOTE.format("E", -0.5, 5, 4, '<tie type="start"/>')}</measure>
<measure number="2">{NOTE.format("E", -0.5, 5, 4, '<tie type="stop"/>')}{NOTE.format("D", 0, 5, 4, "")}
{REPEAT.format("right", "backward")}</measure></part>
<part id="P2"><measure number="1"><attributes><divisions>1</divisions><transpose><diatonic>-1</diatonic>
<chromatic>-2</chromatic></transpose></attributes>
{REPEAT.format("left", "forward")}{NOTE.format("C", 0, 4, 4, "")}</measure>
<measure number="2">{REST}{REST}{REPEAT.format("right", "backward")}</measure></part></score-partwise>
"""


def packed(score: str = SCORE, name: str = "score.xml") -> bytes:
    """A .mxl file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        rootfile = f'<container><rootfiles><rootfile full-path="{name}"/></rootfiles></container>'
        archive.writestr("META-INF/container.xml", rootfile)
        archive.writestr(name, score)
    return file.getvalue()


def a_few_partials() -> list[Partial]:
    """Three of them, of which two follow each other; their points are at different times."""
    made = []
    for begin_s, hz, n in ((0.0, 440.0, 30), (0.1, 1320.5, 21), (0.5, 445.0, 12)):
        times_s = begin_s + np.arange(n) * 0.011
        amplitude = 0.2 * np.hanning(n + 2)[1:-1]
        cycles = hz * (times_s + 0.005 * times_s**2)
        made.append(Partial(times_s, hz * (1 + 0.01 * times_s), amplitude, 2 * np.pi * (cycles % 1)))
    return made


def files_of_partials() -> dict[str, bytes]:
    """By suffix; those of SPEAR by frames, too."""
    partials = a_few_partials()
    contents = {suffix: content for suffix, (to, _) in FILES.items() if (content := to(partials))}
    frames = "par-text-frame-format\npoint-type index frequency amplitude\nframe-count 3\nframe-data\n"
    contents[" frames.txt"] = f"{frames}0 1 0 440 0.1\n0.01 2 0 441 0.1 3 880 0.2\n0.02 1 3 881 0.2\n"
    return {suffix: content if isinstance(content, bytes) else content.encode() for suffix, content in contents.items()}

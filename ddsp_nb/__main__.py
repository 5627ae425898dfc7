"""`python -m ddsp_nb` is `ddsp-nb`."""

from ddsp_nb.cli import main

main(prog_name="ddsp-nb")

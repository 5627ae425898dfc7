"""`python -m ddsp_nb` is `ddsp-nb`."""

from ddsp_nb.cli.main import main

main(prog_name="ddsp-nb")

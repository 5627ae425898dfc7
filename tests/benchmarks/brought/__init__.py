"""What people really bring, made here, handed to the command line, measured with instruments that are none of ours."""

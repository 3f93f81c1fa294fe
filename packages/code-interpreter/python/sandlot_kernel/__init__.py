"""Parts of the Python kernel, in a package of their own so that no name of theirs hides a module of the code's."""

"""Sphinx for the pages of this folder: `make docs`. Nothing is fetched while it builds or is read."""

import os
import sys
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"  # what is documented from docstrings imports models
django.setup()

from jwt_drf_passwordless import __version__  # noqa: E402 - needs the path above

project = "jwt_drf_passwordless"
author = "the authors of jwt_drf_passwordless"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
nitpicky = True

myst_heading_anchors = 3  # the same as GitHub's, so that page.md#heading works here and there
myst_enable_extensions = ["tasklist"]

autodoc_member_order = "bysource"
default_role = "code"  # what stands in backticks in docstrings
# Other packages' names cannot be looked up offline.
nitpick_ignore = [("py:class", "jwt_drf_passwordless.utils.View")]  # a TypeVar
nitpick_ignore_regex = [("py:.*", r"(?!jwt_drf_passwordless\.).*")]

html_theme = "furo"
html_title = f"jwt_drf_passwordless {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

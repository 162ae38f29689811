"""Tests in a real browser: Chromium, headless, with a virtual authenticator.

`python -m pytest tests_browser`; CHROMIUM and CHROMEDRIVER name the programs, by default those of Debian's packages
chromium and chromium-driver.
"""

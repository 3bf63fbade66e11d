"""Lets asv's pages work without a network: the scripts that they ask hosts for lie in vendor/ instead."""

import re
import shutil
from pathlib import Path

VENDOR = Path(__file__).resolve().parent / "vendor"
_LINK = re.compile(r'(src|href)="https://[^"]*/([^"/]+?)(?:-[\d.]+)?(?:\.min)?\.(js|css)"[^>]*?(/?>)')


def rewrite(page, site):
    """The page with links to files of the site, which are put there.

    Raises
    ------
    FileNotFoundError
        If the page, of another version of asv, asks for a script that vendor/ lacks.
    """

    def local(match):
        attribute, name, kind, end = match.groups()
        target = site / "vendor" / f"{name}.{kind}"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(VENDOR / target.name, target)
        return f'{attribute}="vendor/{target.name}"{end}'

    return _LINK.sub(local, page)

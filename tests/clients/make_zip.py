"""Makes an archive: make_zip.py FILE, with files of every kind that a server may meet."""

import stat
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1], "w") as archive:
    def add(name, content, method=zipfile.ZIP_DEFLATED, mode=0o100644):
        info = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6))
        info.compress_type = method
        info.external_attr = mode << 16
        archive.writestr(info, content)

    add("site/index.html", "<h1>home</h1>\n" * 100)
    add("site/ten.txt", "0123456789", zipfile.ZIP_STORED)
    add("site/sub/index.html", "sub")
    add("site/a b/ä.css", "x" * 1000)
    add("site/big.bin", bytes(i * i // 7 % 251 for i in range(3_000_000)))
    add("site/empty", "")
    add("site/bomb", b"\0" * 200_000_000)
    add("site/link", "/etc/passwd", zipfile.ZIP_STORED, stat.S_IFLNK | 0o777)
    add("site/lzma", "lzma", zipfile.ZIP_LZMA)
    add("../outside", "outside")
    add("/etc/passwd", "passwd")
    add("secret", "secret")

"""How the error page looks: light and dark, on a wide screen and on a narrow one."""

STYLE = """
:root{--back:#f6f5f2;--card:#fff;--ink:#23211f;--soft:#6d675f;--line:#e2ded6;--red:#b3261e;--hit:#fdecea;
--mark:#f9c9c4;--page:#1a5296;--code:#fbfaf8}
@media (prefers-color-scheme:dark){:root{--back:#191817;--card:#232120;--ink:#e9e5df;--soft:#a49d93;--line:#3a3633;
--red:#ff8f85;--hit:#43211e;--mark:#7d302a;--page:#8bbcf5;--code:#1e1c1b}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:66rem;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
header{border-left:5px solid var(--red);padding:.1rem 0 .1rem 1.1rem;margin-bottom:1.6rem}
header p{margin:0}
.kind{color:var(--red);font-weight:600}
h1{font-size:1.6rem;line-height:1.3;margin:.15rem 0 .4rem;white-space:pre-wrap;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2rem 0 .5rem}
h3{font-size:.8rem;margin:1.5rem 0 .5rem;color:var(--soft);text-transform:uppercase;letter-spacing:.05em}
code,pre,textarea,.file,.values{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:13px}
.place .file{font-size:15px}
.file{font-weight:600;overflow-wrap:anywhere}
.page>summary .file,.place .file,.here .file{color:var(--page)}
.chained{margin:.2rem 0 .8rem;white-space:pre-wrap;overflow-wrap:anywhere}
details{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:.5rem 0;overflow:hidden}
summary{cursor:pointer;padding:.5rem .9rem}
summary code{color:var(--soft);margin-left:1rem}
details[open]>summary code{display:none}
.library>summary,.engine>summary{color:var(--soft)}
.engine{background:none;border-style:dashed}
.engine ul{margin:0 0 .7rem;padding-left:2.3rem;color:var(--soft)}
.here{border:1px solid var(--line);border-radius:8px;padding:.5rem .9rem .5rem 2rem;margin:.5rem 0}
.here em{color:var(--soft);margin-left:1rem}
.source{margin:0;padding:.5rem 0;background:var(--code);border-top:1px solid var(--line);overflow-x:auto;
line-height:1.55}
.line{display:block;min-width:max-content;padding-right:1rem}
.line em{display:inline-block;width:3.6rem;padding-right:1rem;text-align:right;color:var(--soft);font-style:normal;
user-select:none}
.hit{background:var(--hit)}
.hit em{color:var(--red);font-weight:700}
.carets{background:var(--hit);color:var(--red);line-height:1;height:1.1em;font-weight:700;user-select:none}
mark{background:var(--mark);color:inherit;border-radius:2px}
.values{width:100%;border-collapse:collapse;border-top:1px solid var(--line)}
section>.values{background:var(--card);border:1px solid var(--line)}
.values th,.values td{padding:.25rem .9rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
.values th{font-weight:600;width:1%;white-space:nowrap}
.values td{overflow-wrap:anywhere;white-space:pre-wrap}
textarea{display:block;width:100%;border:0;border-top:1px solid var(--line);padding:.8rem;background:var(--code);
color:var(--ink);resize:vertical}
@media (max-width:40rem){body{padding:1rem .6rem}summary code{display:none}.line em{width:2.6rem;padding-right:.6rem}
.values th{white-space:normal}}
"""

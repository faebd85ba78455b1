"""The page's style sheet: readable on a phone, on paper, in light and in dark."""

STYLE_SHEET = """
:root { --ink: #1c1e21; --paper: #ffffff; --soft: #5b6068; --line: #d9dce1; --panel: #f5f6f8; --link: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e7e9; --paper: #16181b; --soft: #a3a9b2; --line: #3a3e45; --panel: #1f2226; --link: #7db7f2; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 66rem; padding: 1.5rem 1.2rem 4rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0.5rem 0 0.6rem; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 0.8rem; padding-top: 0.8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 0 0 0.6rem; }
a { color: var(--link); }
header p { margin: 0.3rem 0; color: var(--soft); }
ul.headlines { margin: 0.9rem 0 0; padding: 0; list-style: none; display: grid; gap: 0.8rem;
  grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); }
ul.headlines li { background: var(--panel); border-radius: 6px; padding: 0.6rem 0.9rem; }
ul.headlines b { display: block; font-size: 1.15rem; }
ul.headlines span { color: var(--soft); font-size: 0.88rem; }
nav ol { display: flex; flex-wrap: wrap; gap: 0.2rem 1.4rem; padding: 0; margin: 1.4rem 0 0; list-style: none; }
figure { margin: 1.6rem 0 2.4rem; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; padding: 10px; background: #ffffff;
  border: 1px solid var(--line); border-radius: 6px; }
figcaption { margin: 0.6rem auto 0; max-width: 48rem; font-size: 0.94rem; color: var(--soft); }
.files { white-space: nowrap; font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.8rem; }
.table { overflow-x: auto; margin: 1rem 0 0.5rem; }
table { border-collapse: collapse; font-size: 0.86rem; font-variant-numeric: tabular-nums; }
.note { margin: 0 0 1.8rem; max-width: 48rem; font-size: 0.94rem; color: var(--soft); }
th, td { padding: 0.35rem 0.5rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
td { white-space: nowrap; }
.words { text-align: left; }
thead th { border-bottom: 2px solid var(--ink); vertical-align: bottom; }
details { margin: 0.3rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
table.provenance th, table.provenance td { text-align: left; white-space: normal; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 0.82rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
footer { margin-top: 3rem; padding-top: 0.8rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.88rem; }
@media print { body { max-width: none; } figure, table { break-inside: avoid; } details { display: none; } }
"""

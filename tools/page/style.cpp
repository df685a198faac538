// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How the page looks, in a light and a dark scheme. A page is read on a phone as well: one column
// there, and each row of the table of targets becomes a block.
#include "style.hpp"

namespace graceslab::tool::page {

const char* const style = R"css(
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1b2430;--soft:#5b6674;
  --rule:#dde2e9;--grid:#e4e8ee;--bar:#aab4c1;--good:#12703c;--goodbg:#dff3e6;--fine:#1d5fa8;
  --finebg:#e1edfa;--bad:#a3271f;--badbg:#fbe5e3;--o0:#0b66c3;--o1:#00897b;--o2:#6a4fc9;
  --o3:#00759e;--p0:#c2570c;--p1:#5f7d1e;--p2:#a83279;--p3:#8a6d00;--p4:#7a5a49;--p5:#c2413b;
  --p6:#5c6b7a;--p7:#3f7f5f;--p8:#9257a8}
@media(prefers-color-scheme:dark){:root{--page:#11161d;--card:#1a212b;--text:#e4e9f0;
  --soft:#9aa7b6;--rule:#2c3643;--grid:#2a3440;--bar:#5a6778;--good:#7fdca4;--goodbg:#143a25;
  --fine:#8fc1f7;--finebg:#15324f;--bad:#ff9d93;--badbg:#4b1c19;--o0:#58a6ff;--o1:#3fd0bd;
  --o2:#b09cff;--o3:#56c6ee;--p0:#f0965a;--p1:#a9c95a;--p2:#ee8cc6;--p3:#dcbb4a;--p4:#c9a48f;
  --p5:#f58d86;--p6:#a5b3c2;--p7:#82c9a5;--p8:#cf9be3}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:24px 16px 48px;background:var(--page);
  color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",
  sans-serif}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 4px}
h2{font-size:1.3rem;margin:40px 0 12px}
h3{font-size:1rem;margin:0 0 8px;overflow-wrap:anywhere}
p{margin:8px 0}
.lead{color:var(--soft);margin:0 0 16px}
a{color:var(--o0)}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px}
.facts{display:grid;gap:12px 24px;grid-template-columns:repeat(auto-fit,minmax(min(100%,230px),
  1fr));margin:0}
.facts dt{color:var(--soft);font-size:.82rem}
.facts dd{margin:0;overflow-wrap:anywhere}
.facts .all{grid-column:1/-1}
.facts svg{max-width:300px}
nav{margin:20px 0 0;display:flex;flex-wrap:wrap;gap:8px}
nav a{background:var(--card);border:1px solid var(--rule);border-radius:99px;padding:4px 12px;
  text-decoration:none;font-size:.9rem}
.grid{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(min(100%,360px),1fr));
  align-items:start}
.only{grid-column:1/-1}
@media(min-width:900px){.only{display:grid;gap:32px;grid-template-columns:400px 1fr}
  .only details{margin:0}}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--text);font-size:14px;font-family:inherit}
svg .tick{fill:var(--soft);font-size:12.5px}
svg .own{font-weight:700}
svg .value{font-variant-numeric:tabular-nums}
.grid line,line.grid{stroke:var(--grid);stroke-width:1}
svg line.whisker{stroke:var(--text);stroke-width:1.3}
rect.bar{fill:var(--bar)}
rect.ours{fill:var(--c)}
.swatch{display:inline-block;width:1em;height:.7em;border-radius:2px;background:var(--c)}
.facts .tag{white-space:normal}
.grid.four{grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr))}
.wide{margin-top:16px}
.approach{margin-bottom:16px;scroll-margin-top:8px}
.approach h3{font-size:1.1rem}
.approach .tag{margin-left:6px}
.two{display:grid;gap:8px 32px}
.two>div,.pair>div{min-width:0}
.two .facts{gap:8px 24px;font-size:.9rem}
.pair{display:grid;gap:16px 32px;align-items:start}
@media(min-width:900px){.two{grid-template-columns:1fr 1fr}.pair{grid-template-columns:400px 1fr}}
pre,code{font:.85rem/1.5 ui-monospace,"DejaVu Sans Mono",monospace}
pre{background:var(--page);border:1px solid var(--rule);border-radius:6px;padding:8px 12px;
  margin:0 0 12px;overflow-x:auto}
.track{fill:var(--grid)}
rect.level.stretch{fill:var(--good)}
rect.level.goal{fill:var(--fine)}
rect.level.missed{fill:var(--bad)}
svg line.limit{stroke:var(--text);stroke-width:2}
svg line.stretch-limit{stroke-width:1.3;stroke-dasharray:3 2}
svg .curve{fill:none;stroke:var(--c);stroke-width:1.6}
svg .curve.strong{stroke-width:3}
svg line.spread{stroke:var(--c);stroke-width:4;opacity:.3}
svg .mark{fill:var(--c);stroke:var(--card);stroke-width:1}
svg .control{stroke:var(--soft)}
.o0{--c:var(--o0)}
.o1{--c:var(--o1)}
.o2{--c:var(--o2)}
.o3{--c:var(--o3)}
.p0{--c:var(--p0)}
.p1{--c:var(--p1)}
.p2{--c:var(--p2)}
.p3{--c:var(--p3)}
.p4{--c:var(--p4)}
.p5{--c:var(--p5)}
.p6{--c:var(--p6)}
.p7{--c:var(--p7)}
.p8{--c:var(--p8)}
.legend{list-style:none;margin:4px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:2px 14px;
  font-size:.85rem}
.legend li{display:flex;align-items:center;gap:6px}
.legend svg{width:26px;flex:none}
.legend .own,td.own{font-weight:700}
.axis,.note,.none,.absent{color:var(--soft);font-size:.82rem;margin:6px 0 0}
.absent{margin-top:12px}
.note.warn{color:var(--bad)}
details{margin-top:8px;font-size:.85rem}
summary{cursor:pointer;color:var(--soft)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px 6px 0;text-align:left;border-top:1px solid var(--rule);vertical-align:top}
th{color:var(--soft);font-weight:500;font-size:.82rem;border-top:0;vertical-align:bottom}
td.n,th.n{text-align:right;white-space:nowrap}
td small{color:var(--soft);display:block}
td.g{min-width:120px}
td.g svg{width:120px;margin-top:4px}
.tag{display:inline-block;border-radius:99px;padding:1px 10px;font-size:.85rem;font-weight:600;
  white-space:nowrap}
.tag.stretch{color:var(--good);background:var(--goodbg)}
.tag.goal{color:var(--fine);background:var(--finebg)}
.tag.missed{color:var(--bad);background:var(--badbg)}
@media(max-width:700px){.targets thead{display:none}.targets tr{display:grid;
  grid-template-columns:auto auto 1fr;gap:2px 18px;padding:12px 0;
  border-top:1px solid var(--rule)} .targets tr:first-child{border-top:0}.targets td{border:0;
  padding:0;text-align:left;white-space:normal} .targets td:nth-child(-n+2){grid-column:1/-1}
  .targets td:nth-child(2) small{display:inline;margin-left:8px} .targets td:nth-child(4){
  grid-column:2/-1}.targets td.g{grid-column:1/3} .targets td[data-name]::before{
  content:attr(data-name) ": ";color:var(--soft);font-size:.85rem} .targets td.what{
  font-weight:600}.targets td.what small,.targets td.what
  details{font-weight:400}}
@media(max-width:500px){.scroll table{font-size:.82rem}.scroll td,.scroll th{padding-right:7px}}
@page{margin:14mm 12mm}
@media print{body{background:#fff;font-size:9.5pt;max-width:none;padding:0;
  print-color-adjust:exact;-webkit-print-color-adjust:exact}
  nav{display:none}.card{break-inside:avoid;padding:10px}h2,h3{break-after:avoid}
  h2{margin:20px 0 8px}section>p{break-after:avoid}
  .grid,.grid.four{grid-template-columns:1fr 1fr}.two{grid-template-columns:1fr 1fr}
  .pair{grid-template-columns:2fr 3fr}.only{display:block}
  .two .facts{grid-template-columns:1fr 1fr;font-size:8pt;gap:4px 12px}
  .grid svg,.pair svg,.only svg{max-width:330px}.legend svg{max-width:26px}
  .scroll{overflow:visible}table{font-size:8pt}
  th{font-size:7.5pt}th,td{padding:3px 6px 3px 0}td.n,th.n{white-space:normal}
  pre,code{font-size:7.5pt}pre{white-space:pre-wrap}}
)css";

}  // namespace graceslab::tool::page

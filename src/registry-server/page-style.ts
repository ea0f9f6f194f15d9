import { createHash } from 'node:crypto'
import { Html } from './html.ts'

// Follows the light or dark setting of the browser.
const pageStyle = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 20%,transparent);--soft:color-mix(in srgb,currentColor 65%,transparent);--tint:color-mix(in srgb,currentColor 6%,transparent)}
*{box-sizing:border-box}
body{margin:0 auto;max-width:90rem;padding:1rem 1.5rem 3rem;font:1rem/1.5 system-ui,sans-serif}
h1{font-size:1.4rem;margin:.5rem 0}
h2{font-size:1.1rem;margin:1.5rem 0 .5rem}
h3{font-size:1rem;margin:1rem 0 .25rem}
p{margin:.5rem 0}
summary{cursor:pointer}
code,pre{font:.85rem/1.5 ui-monospace,monospace}
.status{display:flex;flex-wrap:wrap;gap:.5rem;list-style:none;margin:0;padding:0}
.status li{border:1px solid var(--line);border-radius:1rem;padding:0 .7rem}
.status li:first-child::before{content:"\\25cf  ";color:#2a9d4a}
.totals{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1rem 0}
.totals div{display:flex;flex-direction:column-reverse}
.totals dt{color:var(--soft);font-size:.85rem}
.totals dd{margin:0;font-size:1.2rem;font-variant-numeric:tabular-nums}
pre{background:var(--tint);border:1px solid var(--line);border-radius:.4rem;padding:1rem;overflow:auto;user-select:all;-webkit-user-select:all}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line)}
th{font-size:.85rem;color:var(--soft)}
tbody th{font-size:1rem;font-weight:normal;color:inherit;overflow-wrap:anywhere;min-width:12rem}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td time{white-space:nowrap}
td code{display:inline-block;max-width:14ch;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;vertical-align:bottom}
a,button{font:inherit;color:inherit}
.button,button{display:inline-block;padding:.3rem .8rem;border:1px solid var(--line);border-radius:.4rem;background:var(--tint);text-decoration:none;cursor:pointer}
td code:hover,td code:focus{max-width:none;white-space:normal;overflow-wrap:anywhere}
.note{color:var(--soft)}
input{font:inherit;padding:.3rem .6rem;width:min(100%,30rem)}
[hidden]{display:none!important}
@media(max-width:48rem){
body{padding:.5rem 1rem 2rem}
h1{overflow-wrap:anywhere}
thead{display:none}
table,tbody,tr,th,td{display:block}
tr{padding:.6rem 0;border-bottom:1px solid var(--line)}
th,td{padding:.1rem 0;border:0;overflow-wrap:anywhere}
td[data-name]::before{content:attr(data-name) ": ";color:var(--soft)}
.number{text-align:left}
}
`

// Filters the list of images and copies registries.yaml and commands. navigator.clipboard needs HTTPS and permission; the older execCommand needs neither.
const pageScript = `
for(const button of document.querySelectorAll('.copy')){
const part=button.closest('section'),text=part.querySelector('pre'),details=text.closest('details')
const select=()=>{if(details)details.open=true
const range=document.createRange();range.selectNodeContents(text)
const selection=getSelection();selection.removeAllRanges();selection.addRange(range)}
const write=async()=>{try{await navigator.clipboard.writeText(text.textContent);return true}catch{return document.execCommand('copy')}}
button.hidden=false;button.addEventListener('click',async()=>{select()
part.querySelector('.copied').textContent=await write()?'Copied':'Selected: press Ctrl+C to copy'})}
const box=document.querySelector('.find')
if(box){
const input=box.querySelector('input'),count=box.querySelector('output')
const rows=[...document.querySelector('tbody').querySelectorAll('tr')].map((row)=>[row,row.textContent.toLowerCase()])
const find=()=>{const words=input.value.toLowerCase().split(/\\s+/);let shown=0
for(const [row,text] of rows){const hit=words.every((word)=>text.includes(word));row.hidden=!hit;if(hit)shown++}
count.textContent=input.value===''?'':shown+' of '+rows.length}
input.addEventListener('input',find);box.hidden=false;find()}
`

/** The style and the script as elements; any change of their text changes the hashes. */
export const styleElement: Html = new Html(`<style>${pageStyle}</style>`)
export const scriptElement: Html = new Html(`<script>${pageScript}</script>`)

function source(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

/** Allows only the style and the script of the page, by their hashes: https://www.w3.org/TR/CSP3/ */
export const pagePolicy: string = [
  "default-src 'none'",
  `style-src ${source(pageStyle)}`,
  `script-src ${source(pageScript)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

// Shows every page in every state to a real browser, small and large, light
// and dark, and lets axe-core look for what keeps people out.
//
//	node pages.js [directory for screenshots]
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Faults, launch, serve } from './browser.js'
import { useForms } from './forms.js'

const out = process.argv[2] || process.env.SHOTS
if (out) await mkdir(out, { recursive: true })

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const faults = new Faults()
const { url, stop } = await serve()
const browser = await launch()
let looked = 0
try {
  const list = await (await fetch(url)).json()
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1280]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' })
      await context.addInitScript(axe)
      const page = await context.newPage()
      let where = ''
      faults.watch(page, () => where)
      for (const { name, path } of list) {
        where = `${name} ${width} ${colorScheme}`
        await page.goto(url + path)
        await look(page, where)
        if (out) await page.screenshot({ path: join(out, `${name}-${width}-${colorScheme}.png`), fullPage: true })
        looked++
      }
      await context.close()
    }
  }
  // WCAG 1.4.10: no scrolling sideways at 320 CSS pixels.
  const page = await browser.newPage({ viewport: { width: 320, height: 640 } })
  for (const { name, path } of list) {
    await page.goto(url + path)
    await fits(page, `${name} 320`)
  }
  await page.close()
  await useForms(browser, url, faults)
} finally {
  await browser.close()
  stop()
}
if (looked === 0) faults.add('pages', 'there are none')
console.log(`${looked} views of pages, ${faults.list.length} faults`)
process.exitCode = faults.list.length ? 1 : 0

async function look(page, where) {
  await fits(page, where)
  const result = await page.evaluate(() => globalThis.axe.run(document, { rules: { 'target-size': { enabled: true } } }))
  for (const v of result.violations) {
    for (const node of v.nodes) faults.add(where, `axe ${v.id}: ${node.target.join(' ')}: ${node.failureSummary.replaceAll('\n', ' ')}`)
  }
  // What axe cannot decide about colours nobody has decided.
  for (const v of result.incomplete.filter(v => v.id === 'color-contrast')) {
    for (const node of v.nodes) faults.add(where, `axe cannot tell the contrast of ${node.target.join(' ')}`)
  }
  faults.check(result.passes.some(p => p.id === 'color-contrast'), where, 'axe checked no contrast')
}

async function fits(page, where) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
  faults.check(content <= window, where, `is ${content} px wide in a window of ${window}`)
}

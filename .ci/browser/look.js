// What is looked at on every page.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

export const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// look reports what keeps people out of the page. Its context has axe as an
// init script.
export async function look(page, where, faults) {
  await fits(page, where, faults)
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

// fits reports a page that scrolls sideways.
export async function fits(page, where, faults) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
  faults.check(content <= window, where, `is ${content} px wide in a window of ${window}`)
}

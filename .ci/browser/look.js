// What is looked at on every page.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

export const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// visual are axe's rules for which the size of the window or its colours matter.
const visual = ['color-contrast', 'link-in-text-block', 'target-size', 'css-orientation-lock', 'scrollable-region-focusable', 'meta-viewport']

// look reports what keeps people out of the page. Its context has axe as an
// init script. With again the page was looked at before, in another size or other
// colours: what does not depend on these is not asked again.
export async function look(page, where, faults, again = false) {
  await fits(page, where, faults)
  const options = again ? { runOnly: visual } : { rules: { 'target-size': { enabled: true } } }
  const result = await page.evaluate(options => globalThis.axe.run(document, options), options)
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

// order reports a page that is not read in the order in which the keyboard goes through
// it: down, and in a row from where its language begins.
export async function order(page, where, faults) {
  const wrong = await page.evaluate(() => {
    const rtl = document.dir === 'rtl'
    if (getComputedStyle(document.querySelector('h1')).direction !== (rtl ? 'rtl' : 'ltr')) return ['the page has another direction than it says']
    const stops = [...document.querySelectorAll('a[href], button, input:not([type=hidden]):not([hidden]), summary')].filter(e => e.checkVisibility())
    const found = []
    if (document.querySelector('[tabindex]')) found.push('something has a tabindex')
    for (let i = 1; i < stops.length; i++) {
      const before = stops[i - 1].getBoundingClientRect(), now = stops[i].getBoundingClientRect()
      const above = now.bottom <= before.top
      const sameRow = now.top < before.bottom && before.top < now.bottom
      const backwards = rtl ? now.left >= before.right : now.right <= before.left
      const nextColumn = rtl ? now.right <= before.left : now.left >= before.right
      if (above && !nextColumn || sameRow && backwards) found.push(`${stops[i].outerHTML.slice(0, 60)} comes after ${stops[i - 1].outerHTML.slice(0, 60)}`)
    }
    return found
  })
  for (const what of wrong) faults.add(where, `order: ${what}`)
}

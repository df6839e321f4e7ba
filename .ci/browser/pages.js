// Shows every page in every state to a real browser, small and large, light
// and dark, in every language, and lets axe-core look for what keeps people out.
//
//	node pages.js [directory for screenshots]
//
// Then it uses the demo itself, see demo.js, life.js, admin.js and oauth.js.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { useAdmin } from './admin.js'
import { Faults, launch, serveGallery } from './browser.js'
import { useDemo } from './demo.js'
import { useForms } from './forms.js'
import { useLife } from './life.js'
import { axe, fits, look, order } from './look.js'
import { useOAuth } from './oauth.js'

const out = process.argv[2] || process.env.SHOTS
if (out) await mkdir(out, { recursive: true })

const faults = new Faults()
const { url, stop } = await serveGallery()
const browser = await launch()
let looked = 0
try {
  const list = await (await fetch(url)).json()
  // Side by side, as there are two cores almost everywhere.
  await Promise.all(['light', 'dark'].map(async colorScheme => {
    for (const width of [360, 1280]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' })
      await context.addInitScript(axe)
      const page = await context.newPage()
      let where = ''
      faults.watch(page, () => where)
      for (const { name, path, whole } of list) {
        const first = (width === 360) === (colorScheme === 'dark') // small and dark, large and light
        if (!whole && !first) continue
        where = `${name} ${width} ${colorScheme}`
        await page.goto(url + path)
        await look(page, where, faults, !first)
        await order(page, where, faults)
        if (out) await page.screenshot({ path: join(out, `${name}-${width}-${colorScheme}.png`), fullPage: true })
        looked++
      }
      await context.close()
    }
  }))
  // WCAG 1.4.10: no scrolling sideways at 320 CSS pixels.
  const page = await browser.newPage({ viewport: { width: 320, height: 640 } })
  for (const { name, path } of list) {
    await page.goto(url + path)
    await fits(page, `${name} 320`, faults)
  }
  await page.close()
  await useForms(browser, url, faults)
  looked += await useDemo(browser, faults, out)
  looked += await useLife(browser, faults, out)
  looked += await useAdmin(browser, faults, out)
  looked += await useOAuth(browser, faults, out)
} finally {
  await browser.close()
  stop()
}
if (looked === 0) faults.add('pages', 'there are none')
console.log(`${looked} views of pages, ${faults.list.length} faults`)
process.exitCode = faults.list.length ? 1 : 0

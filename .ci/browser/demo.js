// Uses the demo as people do, from the first visit to the last: its own file,
// two browsers, no scripts.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveDemo } from './browser.js'
import { axe, fits, look } from './look.js'
import { email, visitor } from './visitor.js'

const first = 'correct horse battery staple'
const second = 'another horse, another battery'

// useDemo returns how many views of pages it has looked at.
export async function useDemo(browser, faults, out) {
  const folder = await mkdtemp(join(tmpdir(), 'demo-'))
  const server = await serveDemo('file:' + join(folder, 'demo.db'))
  try {
    await live(browser, server.url, faults)
    await comeBack(browser, server.url, faults)
    const looked = await lookAround(browser, server.url, faults, out)
    for (const line of server.log().split('\n')) {
      if (/ERROR|panic/.test(line)) faults.add('demo', `logs ${line}`)
    }
    return looked
  } finally {
    server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function live(browser, url, faults) {
  const check = (ok, what) => faults.check(ok, 'demo', what)
  const { page, context, press, follow, logIn, close } = await visitor(browser, url, faults, { javaScriptEnabled: false })
  const at = (path, what) => check(page.url() === url + path, `${what} leads to ${page.url()}, want ${path}`)
  const says = async (text, what) => check((await page.locator('main').innerText()).includes(text), `${what} does not say ${text}`)

  // A stranger wants to see /me, has no account, and comes back to it.
  await page.goto(url + '/')
  await page.goto(url + '/me')
  at('/auth/login?next=%2Fme', 'a stranger who asks for /me')
  await follow('Create an account')
  await page.getByLabel('Name').fill('Ada Lovelace')
  await page.getByLabel('Email address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill('gatehouse demo gatehouse')
  await press('Create account')
  check(await page.locator('[aria-invalid=true]').getAttribute('name') === 'password', 'a bad password is not marked')
  check(await page.getByLabel('Email address').inputValue() === email, 'the address has to be typed again')
  await page.getByLabel('Password', { exact: true }).fill(first)
  await press('Create account')
  at('/me', 'registering')
  await says(email, '/me')
  const cookies = await context.cookies()
  check(cookies.length > 0 && cookies.every(c => c.httpOnly && c.sameSite === 'Lax'), `cookies ${JSON.stringify(cookies)}`)

  await press('Log out')
  at('/', 'logging out')
  await says('not logged in', 'the front page')
  await page.goBack()
  await page.reload()
  at('/auth/login?next=%2Fme', 'going back after logging out')

  await logIn('not the password')
  await says('not right', 'a wrong password')
  check(await page.getByLabel('Email address').inputValue() === email, 'the address has to be typed again')
  await logIn(first)
  at('/me', 'logging in')

  // The password, and what only those may see who have just proved it.
  await follow('Settings')
  at('/settings', 'the link to the settings')
  await follow('Change your password')
  await page.getByLabel('Current password').fill('not the password')
  await page.getByLabel('New password').fill(second)
  await press('Change password')
  check(await page.locator('[aria-invalid=true]').getAttribute('name') === 'current', 'a wrong current password is not marked')
  await page.getByLabel('Current password').fill(first)
  await page.getByLabel('New password').fill(second)
  await press('Change password')
  at('/auth/account', 'changing the password')
  await says('Ada Lovelace', 'the account page')
  await page.goto(url + '/auth/confirm?next=/settings')
  await page.getByLabel('Password', { exact: true }).fill(second)
  await press('Confirm')
  at('/settings', 'confirming')

  // Two browsers: one sees the other, and ends it.
  const other = await visitor(browser, url, faults, {
    javaScriptEnabled: false,
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1',
  })
  await other.page.goto(url + '/me')
  await other.logIn(second)
  check(other.page.url() === url + '/me', `the other browser is at ${other.page.url()}`)
  await page.goto(url + '/settings')
  await follow('See where you are logged in')
  check(await page.locator('.cards li').count() === 2, 'the page does not list two sessions')
  await says('Safari on iPhone', 'the list of sessions')
  await Promise.all([page.waitForNavigation(), page.locator('.cards li').filter({ hasText: 'iPhone' }).getByRole('button').click()])
  at('/auth/sessions', 'revoking a session')
  check(await page.locator('.cards li').count() === 1, 'the session is still in the list')
  await other.page.goto(url + '/me')
  check(other.page.url() === url + '/auth/login?next=%2Fme', 'the other browser is still logged in')
  await other.close()
  await page.goto(url + '/me')
  at('/me', 'the browser that has revoked the other')
  await close()
}

// Somebody stays logged in when the browser is closed, and proves who they are
// again before it matters.
async function comeBack(browser, url, faults) {
  const check = (ok, what) => faults.check(ok, 'demo', what)
  const { page, context, press, follow, logIn, close } = await visitor(browser, url, faults, { javaScriptEnabled: false })
  const at = (path, what) => check(page.url() === url + path, `${what} leads to ${page.url()}, want ${path}`)
  const cookies = async () => (await context.cookies()).map(c => c.name)

  await page.goto(url + '/me')
  await logIn(second, true)
  at('/me', 'logging in to stay')
  const kept = (await context.cookies()).filter(c => c.expires > 0).map(c => c.name)
  check(kept.includes('remember') && !kept.includes('sid'), `the browser keeps ${kept} when it is closed`)
  await context.clearCookies({ name: 'sid' }) // closed, and opened again
  await page.goto(url + '/me')
  at('/me', 'coming back')
  check((await page.locator('main').innerText()).includes('Stays logged in'), '/me does not say that the browser is remembered')
  await follow('Settings')
  at('/auth/confirm?next=%2Fsettings', 'asking for the settings after coming back')
  await page.getByLabel('Password', { exact: true }).fill('not the password')
  await press('Confirm')
  check(await page.locator('[aria-invalid=true]').getAttribute('name') === 'password', 'a wrong password is not marked')
  await page.getByLabel('Password', { exact: true }).fill(second)
  await press('Confirm')
  at('/settings', 'confirming after coming back')
  await page.goto(url + '/me')
  await press('Log out')
  check(!(await cookies()).some(name => name === 'sid' || name === 'remember'), `logging out leaves ${await cookies()}`)
  await page.goto(url + '/me')
  at('/auth/login?next=%2Fme', 'coming back after logging out')
  await close()
}

// lookAround shows the demo's own pages, and how those of Gatehouse look with
// the demo's people on them.
async function lookAround(browser, url, faults, out) {
  let looked = 0
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1280]) {
      const v = await visitor(browser, url, faults, { colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' })
      await v.context.addInitScript(axe)
      const show = async (name, path) => {
        const where = `demo-${name} ${width} ${colorScheme}`
        const answer = await v.page.goto(url + path)
        faults.check(answer.status() === 200, where, `is ${answer.status()}`)
        await look(v.page, where, faults)
        if (out) await v.page.screenshot({ path: join(out, `demo-${name}-${width}-${colorScheme}.png`), fullPage: true })
        looked++
      }
      await show('home-stranger', '/')
      await show('login', '/auth/login')
      await v.page.goto(url + '/auth/login')
      await v.logIn(second)
      await show('home', '/')
      await show('me', '/me')
      await show('settings', '/settings')
      await show('account', '/auth/account')
      await show('sessions', '/auth/sessions')
      await v.page.setViewportSize({ width: 320, height: 640 })
      for (const path of ['/', '/me', '/settings']) {
        await v.page.goto(url + path)
        await fits(v.page, `demo ${path} 320`, faults)
      }
      await v.close()
    }
  }
  return looked
}

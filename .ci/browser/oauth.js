// Logs in to the demo with accounts elsewhere, as people do: no scripts, two
// sites, and the browser's own rules between them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveDemo } from './browser.js'
import { visitor } from './visitor.js'
import { axe, look } from './look.js'

const email = 'ada@example.com'
const password = 'correct horse battery staple'

// useOAuth returns how many views of pages it has looked at.
export async function useOAuth(browser, faults, out) {
  const folder = await mkdtemp(join(tmpdir(), 'oauth-'))
  const server = await serveDemo('file:' + join(folder, 'demo.db'), '-oauth=all')
  try {
    await linkFirst(browser, server.url, faults)
    await confirmThere(browser, server.url, faults)
    await onlyGitHub(browser, server.url, faults)
    await changeMind(browser, server.url, faults)
    for (const javaScriptEnabled of [true, false]) await formPost(browser, server.url, faults, javaScriptEnabled)
    await formAction(browser, server.url, faults)
    const looked = await lookAround(browser, server.url, faults, out)
    for (const line of server.log().split('\n')) {
      if (/ERROR|panic/.test(line)) faults.add('oauth', `logs ${line}`)
    }
    return looked
  } finally {
    server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

// person is a visitor who knows the way to the identity provider and back.
async function person(browser, url, faults, where, options) {
  const v = await visitor(browser, url, faults, { javaScriptEnabled: false, ...options })
  const check = (ok, what) => faults.check(ok, where, what)
  const at = (path, what) => check(v.page.url() === url + path, `${what} leads to ${v.page.url()}, want ${path}`)
  const says = async (text, what) => check((await v.page.locator('main').innerText()).includes(text), `${what} does not say ${text}`)
  // go presses a button of the site's, and finds itself at the identity provider.
  const go = async (button, title) => {
    await v.press(button)
    const there = new URL(v.page.url())
    check(there.hostname === '127.0.0.1' && new URL(url).hostname === 'localhost', `${button} leads to ${there.origin}, from ${url}`)
    await says(`Log in with ${title}`, `the page that ${button} leads to`)
  }
  // be says there who it is, and comes back.
  const be = async name => {
    await Promise.all([v.page.waitForURL(to => to.href.startsWith(url)), v.page.getByRole('button', { name }).click()])
  }
  const logOut = async () => {
    await v.page.goto(url + '/me')
    await v.press('Log out')
    at('/', 'logging out')
  }
  return { ...v, check, at, says, go, be, logOut }
}

// Somebody has an account with a password, comes with Google, proves the account to
// be theirs, links it, and from then on logs in with either.
async function linkFirst(browser, url, faults) {
  const p = await person(browser, url, faults, 'oauth link')
  await p.page.goto(url + '/auth/register?next=/me')
  await p.page.getByLabel('Name').fill('Ada Lovelace')
  await p.page.getByLabel('Email address').fill(email)
  await p.page.getByLabel('Password', { exact: true }).fill(password)
  await p.press('Create account')
  p.at('/me', 'registering')
  await p.logOut()

  await p.page.goto(url + '/me')
  await p.go('Continue with Google (demo)', 'Google')
  await p.be(/Ada Lovelace/)
  await p.says('There is an account here with your address', 'coming with Google')
  p.check(await p.page.getByRole('heading', { name: 'Log in' }).count() === 1, 'who has to prove their account first is not asked to log in')
  await p.logIn(password)
  p.at('/auth/accounts', 'logging in to the account that is there')
  await p.go('Link Google (demo)', 'Google')
  await p.be(/Ada Lovelace/)
  p.at('/auth/accounts', 'linking')
  await p.says('The account is linked', 'the page after linking')
  p.check(await p.page.locator('.cards li').filter({ hasText: 'Google (demo)' }).count() === 1, 'the linked account is not in the list')
  await p.logOut()

  await p.page.goto(url + '/me')
  await p.go('Continue with Google (demo)', 'Google')
  await p.be(/Ada Lovelace/)
  p.at('/me', 'logging in with Google')
  await p.says(email, '/me after logging in with Google')
  await p.logOut()
  await p.page.goto(url + '/me')
  await p.logIn(password)
  p.at('/me', 'logging in with the password')
  await p.says(email, '/me after logging in with the password')
  await p.close()
}

// Who comes back to a remembered browser can prove with Google who they are.
async function confirmThere(browser, url, faults) {
  const p = await person(browser, url, faults, 'oauth confirm')
  await p.page.goto(url + '/me')
  await p.logIn(password, true)
  await p.context.clearCookies({ name: 'sid' }) // closed, and opened again
  await p.page.goto(url + '/settings')
  p.at('/auth/confirm?next=%2Fsettings', 'asking for the settings after coming back')
  p.check(await p.page.getByRole('button', { name: /GitHub/ }).count() === 0, 'offers to confirm with an account that is not linked')
  await p.go('Confirm with Google (demo)', 'Google')
  await p.be(/Grace Hopper/)
  await p.says('not an account that you have linked', 'confirming as somebody else')
  await p.go('Confirm with Google (demo)', 'Google')
  await p.be(/Ada Lovelace/)
  p.at('/settings', 'confirming with Google')
  await p.follow('See your linked accounts')
  p.at('/auth/accounts', 'the link in the settings')
  await Promise.all([p.page.waitForNavigation(), p.page.locator('.cards li').filter({ hasText: 'Google (demo)' }).getByRole('button').click()])
  // The session was confirmed with what is gone, and ends with it.
  p.at('/', 'removing the account')
  await p.says('not logged in', 'the front page after it')
  await p.close()
}

// Somebody who has no password, and cannot remove the only way in.
async function onlyGitHub(browser, url, faults) {
  const p = await person(browser, url, faults, 'oauth only')
  await p.page.goto(url + '/auth/register?next=/me')
  await p.go('Continue with GitHub (demo)', 'GitHub')
  await p.be(/Grace Hopper/)
  p.at('/me', 'coming with GitHub')
  await p.says('grace@example.com', '/me')
  await p.page.goto(url + '/auth/accounts')
  await p.says('only way', 'the page with the only way in')
  p.check(await p.page.locator('.cards').getByRole('button').count() === 0, 'the only way in can be removed')
  const answer = await p.context.request.post(url + '/auth/oauth/github/unlink', { headers: { 'Sec-Fetch-Site': 'same-origin', Accept: 'application/json' } })
  p.check(answer.status() === 409 && (await answer.json()).code === 'last_credential', `removing it all the same: ${answer.status()}`)
  await p.logOut()
  await p.page.goto(url + '/me')
  await p.go('Continue with GitHub (demo)', 'GitHub')
  await p.be(/Grace Hopper/)
  p.at('/me', 'coming again')
  await p.says('grace@example.com', '/me the second time')
  await p.close()
}

// Somebody goes there, and does not want to after all.
async function changeMind(browser, url, faults) {
  const p = await person(browser, url, faults, 'oauth cancel')
  await p.page.goto(url + '/me')
  await p.go('Continue with OpenID (demo)', 'the test provider')
  await p.be('Cancel')
  await p.says('You have not been logged in there', 'cancelling')
  await p.go('Continue with OpenID (demo)', 'the test provider')
  await p.be(/Bob/)
  p.at('/me', 'and then not cancelling')
  await p.close()
}

// Apple posts its answer from its own site. The browser sends no cookies with that,
// and sends them with the page that it is sent to.
async function formPost(browser, url, faults, javaScriptEnabled) {
  const p = await person(browser, url, faults, `oauth form_post, scripts ${javaScriptEnabled}`, { javaScriptEnabled })
  const seen = []
  p.page.on('request', r => { if (r.url().startsWith(url + '/auth/oauth/apple/callback')) seen.push(r) })
  const names = r => Object.entries(r).filter(([name]) => name === 'cookie').flatMap(([, value]) => value.split('; ').map(c => c.split('=')[0]))
  const be = async name => {
    await p.page.getByRole('button', { name }).click()
    if (!javaScriptEnabled) await p.page.getByRole('button', { name: 'Continue' }).click()
    await p.page.waitForURL(to => to.href.startsWith(url))
  }
  await p.page.goto(url + '/me')
  await p.go('Continue with Apple (demo)', 'Apple')
  await be(/Kay/)
  p.at('/me', 'logging in with Apple')
  await p.page.goto(url + '/auth/accounts')
  await p.says('Apple (demo)', 'the page of linked accounts')
  const [post, get] = await Promise.all(seen.slice(0, 2).map(async r => ({ method: r.method(), headers: await r.allHeaders(), url: r.url() })))
  p.check(post?.method === 'POST' && names(post.headers).length === 0 && post.headers['sec-fetch-site'] === 'cross-site',
    `the form is sent with ${JSON.stringify(post && [post.method, post.headers])}`)
  p.check(get?.method === 'GET' && names(get.headers).includes('oauth') && !get.url.includes('code'),
    `the page after it is asked for with ${JSON.stringify(get && [get.method, get.url, get.headers])}`)
  await p.close()
}

// The policy of the page with the buttons lets them lead to the identity provider.
// Without its origin there the browser does not follow, which shows that the rest of
// this file would notice.
async function formAction(browser, url, faults) {
  const check = (ok, what) => faults.check(ok, 'oauth form-action', what)
  for (const named of [true, false]) {
    const context = await browser.newContext({ javaScriptEnabled: false })
    context.setDefaultTimeout(10_000)
    const page = await context.newPage()
    const blocked = page.waitForEvent('console', { predicate: m => /form-action/.test(m.text()), timeout: named ? 2_000 : 10_000 }).then(() => true, () => false)
    await page.route(url + '/auth/login', async route => {
      const answer = await route.fetch()
      const headers = answer.headers()
      const policy = headers['content-security-policy']
      const other = policy.match(/form-action 'self'([^;]*)/)
      check(/ http:\/\/127\.0\.0\.1:\d+/.test(other?.[1]), `the policy is ${policy}`)
      if (!named) headers['content-security-policy'] = policy.replace(other[0], "form-action 'self'")
      await route.fulfill({ response: answer, headers })
    })
    await page.goto(url + '/auth/login')
    await page.getByRole('button', { name: 'Continue with GitHub (demo)' }).click({ noWaitAfter: true })
    const left = page.waitForURL(to => to.hostname === '127.0.0.1', { timeout: named ? 10_000 : 2_000 }).then(() => true, () => false)
    check(await left === named && await blocked === !named, `with the origin in the policy: ${named}; the browser goes there: ${await left}, says that it does not: ${await blocked}`)
    await context.close()
  }
}

async function lookAround(browser, url, faults, out) {
  let looked = 0
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1280]) {
      const p = await person(browser, url, faults, 'oauth look', { javaScriptEnabled: true, colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' })
      await p.context.addInitScript(axe)
      const show = async name => {
        await look(p.page, `oauth-${name} ${width} ${colorScheme}`, faults)
        if (out) await p.page.screenshot({ path: join(out, `oauth-${name}-${width}-${colorScheme}.png`), fullPage: true })
        looked++
      }
      await p.page.goto(url + '/auth/login?next=/auth/accounts')
      await show('login')
      await p.go('Continue with Google (demo)', 'Google')
      await show('there')
      await p.be(/Ada Lovelace/)
      await show('exists')
      await p.logIn(password)
      if (looked < 4) {
        await p.go('Link GitHub (demo)', 'GitHub')
        await p.be(/Kay/)
      }
      await show('accounts')
      await p.page.goto(url + '/settings')
      await show('settings')
      await p.close()
    }
  }
  return looked
}

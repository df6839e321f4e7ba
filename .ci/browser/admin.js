// Lets the first admin of the demo say who may do what, and people do it: no scripts,
// and a browser for each.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root, serveDemo } from './browser.js'
import { axe, fits, look } from './look.js'
import { visitor } from './visitor.js'

const password = 'correct horse battery staple'

// useAdmin returns how many views of pages it has looked at.
export async function useAdmin(browser, faults, out) {
  const folder = await mkdtemp(join(tmpdir(), 'admin-'))
  const server = await serveDemo('file:' + join(folder, 'demo.db'), '-bootstrap-admin=ada@example.com')
  try {
    await decide(browser, server.url, faults)
    const looked = await lookAround(browser, server.url, faults, out)
    for (const line of server.log().split('\n')) {
      if (/ERROR|panic/.test(line)) faults.add('admin', `logs ${line}`)
    }
    return looked + await first(browser, faults, out)
  } finally {
    server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

// somebody is a visitor who has an account with a password.
async function somebody(v, url, name, next) {
  await v.page.goto(url + '/auth/register?next=' + encodeURIComponent(next))
  await v.page.getByLabel('Name').fill(name)
  await v.page.getByLabel('Email address').fill(name.toLowerCase() + '@example.com')
  await v.page.getByLabel('Password', { exact: true }).fill(password)
  await v.press('Create account')
}

// beAda is Ada at the identity provider, and comes back.
async function beAda(v, url, button) {
  await v.press(button)
  await Promise.all([v.page.waitForURL(to => to.href.startsWith(url)), v.page.getByRole('button', { name: /Ada Lovelace/ }).click()])
}

// write writes a post and returns its path.
async function write(v, url, title, text) {
  await v.page.goto(url + '/posts')
  await v.follow('Write a post')
  await v.page.getByLabel('Title').fill(title)
  await v.page.getByLabel('Text').fill(text)
  await v.press('Save')
  return new URL(v.page.url()).pathname
}

// moved is the same session in another browser, which makes it stale.
async function moved(browser, url, faults, v, options) {
  const other = await visitor(browser, url, faults, { ...options, userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' })
  await other.context.addCookies(await v.context.cookies())
  await v.close()
  return other
}

async function decide(browser, url, faults) {
  const check = (ok, what) => faults.check(ok, 'admin', what)
  let ada = await visitor(browser, url, faults, { javaScriptEnabled: false })
  const bob = await visitor(browser, url, faults, { javaScriptEnabled: false })
  const at = (v, path, what) => check(v.page.url() === url + path, `${what} leads to ${v.page.url()}, want ${path}`)
  const says = async (v, text, what) => check((await v.page.locator('main').innerText()).includes(text), `${what} does not say ${text}`)
  const has = async (v, role, name, want, what) => check(await v.page.getByRole(role, { name, exact: true }).count() === (want ? 1 : 0), `${what}: ${name} is there: ${!want}`)

  // Whoever has an account with Google that owns the address is the first admin.
  await ada.page.goto(url + '/admin')
  at(ada, '/auth/login?next=%2Fadmin', 'a stranger who asks for /admin')
  await beAda(ada, url, 'Continue with Google (demo)')
  at(ada, '/admin', 'logging in with Google')
  const post = await write(ada, url, 'News of the site', 'It has posts now.\n\nAnd more.')
  await says(ada, 'Your post is there', 'a new post')

  // Bob may do nothing to it, and learns nothing of it.
  await somebody(bob, url, 'Bob', '/posts')
  at(bob, '/posts', 'registering')
  await says(bob, 'nothing yet', 'the list of somebody new')
  await has(bob, 'link', 'Admin', false, 'the menu of somebody new')
  check((await bob.page.goto(url + post)).status() === 404, 'a post of somebody else is there')
  check((await bob.page.goto(url + '/admin')).status() === 403, 'somebody new sees the users')

  // In another browser the session has to be confirmed before roles are changed, as it
  // has after ten minutes.
  ada = await moved(browser, url, faults, ada, { javaScriptEnabled: false })
  await ada.page.goto(url + '/admin')
  await has(ada, 'button', 'Grant to Bob', false, 'a session that is not fresh')
  await ada.follow('Confirm')
  at(ada, '/auth/confirm?next=%2Fadmin', 'confirming')
  await beAda(ada, url, 'Confirm with Google (demo)')
  at(ada, '/admin', 'having confirmed')
  await ada.page.getByLabel('Name, address or ID').fill('bob')
  await ada.press('Search')
  at(ada, '/admin?q=bob', 'searching')
  check(await ada.page.locator('main section').count() === 1, 'the search finds others as well')
  await ada.page.getByLabel('Another role for Bob').selectOption('editor')
  await ada.press('Grant to Bob')
  at(ada, '/admin?q=bob', 'granting')
  await says(ada, 'counts from the next request', 'granting')

  // Bob is an editor at once.
  await bob.page.goto(url + '/posts')
  await bob.follow('News of the site')
  at(bob, post, 'the link in the list')
  check(await bob.page.getByText('Delete this post').count() === 0, 'an editor is offered to delete')
  await bob.follow('Edit')
  await bob.page.getByLabel('Title').fill('   ')
  await bob.page.getByLabel('Text').fill('Kept in any case.')
  await bob.press('Save')
  check(await bob.page.locator('[aria-invalid=true]').getAttribute('name') === 'title', 'an empty title is not marked')
  check(await bob.page.getByLabel('Text').inputValue() === 'Kept in any case.', 'the text has to be typed again')
  await bob.page.getByLabel('Title').fill('News, by Bob')
  await bob.press('Save')
  at(bob, post, 'saving')
  await says(bob, 'News, by Bob', 'the post')

  // And then he is none any more.
  await ada.press('Revoke editor of Bob')
  at(ada, '/admin?q=bob', 'revoking')
  await bob.page.goto(url + '/posts')
  await says(bob, 'nothing yet', 'the list of somebody who is no editor any more')
  check((await bob.page.goto(url + post)).status() === 404, 'who is no editor any more sees the post')
  check((await bob.page.goto(url + post + '/edit')).status() === 404, 'who is no editor any more sees the form')

  // What is his own he deletes, and he is logged out by the admin.
  const own = await write(bob, url, 'Of my own', '')
  await bob.page.getByText('Delete this post').click()
  await bob.press('Delete it')
  at(bob, '/posts', 'deleting')
  check((await bob.page.goto(url + own)).status() === 404, 'what was deleted is there')
  await ada.page.getByText('1 of Bob').click()
  await ada.press('Log out everywhere (Bob)')
  await bob.page.goto(url + '/posts')
  at(bob, '/auth/login?next=%2Fposts', 'having been logged out')

  // The last admin stays one.
  await ada.page.goto(url + '/admin?q=ada')
  await ada.press('Revoke admin of Ada Lovelace')
  await says(ada, 'last admin', 'revoking the last admin')
  await ada.close()
  await bob.close()
}

// Who has only said that the address is theirs gets a link, where the demo was started.
async function first(browser, faults, out) {
  const command = process.env.DEMO ? [process.env.DEMO] : ['go', 'run', './examples/demo']
  const args = ['-addr', 'localhost:0', '-db', 'memory:', '-bootstrap-admin', 'carol@example.com']
  const server = spawn(command[0], [...command.slice(1), ...args], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  const stop = () => { try { process.kill(-server.pid) } catch { /* has ended */ } }
  process.on('exit', stop)
  const lines = createInterface(server.stdout)
  const line = pattern => new Promise(resolve => lines.on('line', l => { const m = l.match(pattern); if (m) resolve(m[0]) }))
  try {
    const printed = line(/http:\S+\/admin\/first\S+/)
    const url = (await line(/http:\S+/)).replace(/\/$/, '')
    let looked = 0
    const v = await visitor(browser, url, faults, { viewport: { width: 360, height: 800 }, reducedMotion: 'reduce' })
    await v.context.addInitScript(axe)
    await somebody(v, url, 'Carol', '/me')
    await v.page.goto(await printed)
    await look(v.page, 'admin-first 360', faults)
    if (out) await v.page.screenshot({ path: join(out, 'admin-first-360-light.png'), fullPage: true })
    looked++
    await v.press('Become the first admin')
    faults.check(v.page.url() === url + '/admin', 'admin first', `the button leads to ${v.page.url()}`)
    faults.check((await v.page.goto(await printed)).status() === 404, 'admin first', 'the link is good twice')
    await v.close()
    return looked
  } finally {
    stop()
  }
}

async function lookAround(browser, url, faults, out) {
  let looked = 0
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1280]) {
      const options = { colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' }
      let v = await visitor(browser, url, faults, options)
      await v.context.addInitScript(axe)
      const see = async name => {
        const where = `admin-${name} ${width} ${colorScheme}`
        await look(v.page, where, faults)
        if (out) await v.page.screenshot({ path: join(out, `admin-${name}-${width}-${colorScheme}.png`), fullPage: true })
        looked++
      }
      const show = async (name, path) => {
        await v.page.goto(url + path)
        await see(name)
      }
      await v.page.goto(url + '/auth/login?next=/posts')
      await beAda(v, url, 'Continue with Google (demo)')
      const post = looked ? new URL(await v.page.locator('.cards a').first().getAttribute('href'), url).pathname
        : await write(v, url, 'A title that is long enough to need two lines on a phone, and perhaps on a desk', 'Some text.\n\nAnd more of it, so that one sees how it looks when there is more than one line of it.')
      await show('home', '/')
      await show('me', '/me')
      await show('posts', '/posts')
      await show('post', post)
      await v.page.getByText('Delete this post').click()
      await see('delete')
      await show('write', '/posts/new')
      await v.page.getByLabel('Title').fill(' ')
      await v.page.getByLabel('Text').fill('Without a title.')
      await v.press('Save')
      await see('wrong')
      await show('users', '/admin')
      await v.page.locator('summary').first().click()
      await see('sessions')
      await v.press('Revoke admin of Ada Lovelace')
      await see('last')
      await show('none', '/admin?q=nobody')
      await v.page.goto(url + '/auth/keys')
      await see('keys')
      await v.page.setViewportSize({ width: 320, height: 640 })
      for (const path of ['/posts', post, post + '/edit', '/admin']) {
        await v.page.goto(url + path)
        await fits(v.page, `admin ${path} 320`, faults)
      }
      v = await moved(browser, url, faults, v, options)
      await v.context.addInitScript(axe)
      await show('stale', '/admin')
      await v.close()
    }
  }
  return looked
}

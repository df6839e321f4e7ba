// Lives the life of an account in the demo, as people do: register, verify, forget,
// reset, change the address, take it back, close, and be gone; each step by the mail
// that the demo shows. On SQLite and, where there is one, on PostgreSQL; with addresses
// that have to be verified; and in German and from right to left.
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveDemo } from './browser.js'
import { axe, fits, look } from './look.js'

const first = 'correct horse battery staple'
const second = 'another horse, another battery'
const third = 'a third horse and its battery'
const address = 'ada@example.com'
const moved = 'ada@elsewhere.example'
const graceSeconds = 25 // longer than a slow machine takes for three pages

// useLife returns how many views of pages it has looked at.
export async function useLife(browser, faults, out) {
  let looked = 0
  const folder = await mkdtemp(join(tmpdir(), 'life-'))
  const on = async (name, db, live, args, options) => {
    const server = await serveDemo(db, ...args)
    const p = person(browser, server.url, faults, out, `life-${name}`, options)
    try {
      await live(p)
    } catch (e) {
      faults.add(`life-${name}`, e.stack)
    } finally {
      looked += p.looked()
      for (const line of server.log().split('\n')) {
        if (/level=ERROR|ERROR|panic/.test(line)) faults.add(`life-${name}`, `logs ${line}`)
      }
      await p.end()
      server.stop()
    }
  }
  const file = name => 'file:' + join(folder, `${name}.db`)
  const closing = ['-close-after', `${graceSeconds}s`]
  try {
    await on('sqlite', file('whole'), whole, closing, {})
    const postgres = schema()
    if (postgres) {
      try {
        await on('postgres', postgres.dsn, whole, closing, { viewport: { width: 360, height: 800 }, colorScheme: 'dark' })
      } finally {
        postgres.drop()
      }
    } else {
      console.log('server: set GATEHOUSE_TEST_POSTGRES, and have psql, to live on PostgreSQL as well')
    }
    await on('required', file('required'), required, ['-verify=required'], {})
    await on('german', file('german'), abroad('de', 'ltr', 'Passwort'), [], { locale: 'de-DE' })
    await on('rtl', file('rtl'), abroad('ar-XB', 'rtl', '\u202e'), [], { locale: 'ar-XB', viewport: { width: 360, height: 800 } })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return looked
}

// schema makes an empty one in PostgreSQL.
function schema() {
  const dsn = process.env.GATEHOUSE_TEST_POSTGRES
  if (!dsn) return
  const name = `demo_life_${process.pid}`
  const sql = s => execFileSync('psql', ['-q', '-v', 'ON_ERROR_STOP=1', dsn, '-c', s], { env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' }, stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    sql(`CREATE SCHEMA ${name}`)
  } catch (e) {
    if (e.code === 'ENOENT') return
    throw e
  }
  const u = new URL(dsn)
  u.searchParams.set('search_path', name)
  return { dsn: u.href, drop: () => sql(`DROP SCHEMA ${name} CASCADE`) }
}

// person is somebody with one browser or several, and with a mailbox.
function person(browser, url, faults, out, where, options) {
  let steps = 0, looked = 0
  const contexts = []
  const check = (ok, what) => faults.check(ok, where, what)

  // A browser of theirs, without scripts of the site's: axe's only.
  const another = async () => {
    const context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 800 }, ...options })
    contexts.push(context)
    context.setDefaultTimeout(20_000)
    await context.addInitScript(axe)
    const page = await context.newPage()
    faults.watch(page, () => `${where} ${page.url() === 'about:blank' ? '' : new URL(page.url()).pathname}`)
    const goto = path => page.goto(path.startsWith('http') ? path : url + path)
    const fill = async fields => {
      for (const [name, value] of Object.entries(fields)) await page.locator(`main input[name="${name}"]:not([type=hidden])`).first().fill(value)
    }
    // submit fills a form in, presses its button, and waits for the answer.
    const submit = async (action, fields = {}, n = 0) => {
      const form = page.locator(`main form[action="/auth/${action}"]`).nth(n)
      for (const [name, value] of Object.entries(fields)) await form.locator(`input[name="${name}"]:not([type=hidden])`).fill(value)
      await Promise.all([page.waitForNavigation(), form.getByRole('button').click()])
    }
    const at = (path, what) => check(page.url() === url + path, `${what} leads to ${page.url()}, want ${path}`)
    const says = async (text, what) => check((await page.locator('main').innerText()).includes(text), `${what} does not say ${text}: ${await page.locator('main').innerText()}`)
    const register = async (email, password) => {
      await goto('/auth/register?next=/me')
      await submit('register', { email, password })
    }
    const logIn = async (email, password) => {
      await goto('/auth/login?next=/me')
      await submit('login', { email, password })
    }
    const isIn = async () => {
      const answer = await context.request.get(url + '/auth/session', { headers: { Accept: 'application/json' } })
      return answer.status() === 200
    }
    // shot looks at the page, and keeps how it looks.
    const shot = async step => {
      const name = `${where}-${String(++steps).padStart(2, '0')}-${step}`
      await look(page, name, faults)
      await fits(page, name, faults)
      if (out) await page.screenshot({ path: join(out, `${name}.png`), fullPage: true })
      looked++
    }
    return { page, context, goto, fill, submit, at, says, register, logIn, isIn, shot }
  }

  // mailed waits for a letter to somebody, with a link to path, and returns the link.
  const mailed = async (to, path, subject = '') => {
    for (let i = 0; i < 40; i++) {
      const answer = await fetch(url + '/dev/mail', { headers: { Accept: 'application/json' } })
      for (const letter of await answer.json()) {
        if (letter.to !== to || !letter.subject.includes(subject)) continue
        if (path === '') return letter.subject // there is nothing to follow
        const link = letter.links.find(l => l.startsWith(url + path))
        if (link !== undefined) return link
      }
      await new Promise(resolve => setTimeout(resolve, 250))
    }
    throw new Error(`no letter to ${to} leads to ${path}`)
  }
  return { url, check, another, mailed, looked: () => looked, end: () => Promise.all(contexts.map(c => c.close())) }
}

// whole is the whole life.
async function whole({ check, another, mailed }) {
  const b = await another(), other = await another()
  await b.register(address, first)
  b.at('/me', 'registering')
  await b.shot('registered')
  await b.goto('/auth/account')
  await b.shot('account-unverified')

  await b.goto(await mailed(address, '/auth/verify?token='))
  await b.shot('verify')
  await b.submit('verify')
  b.at('/auth/account', 'verifying')
  await b.says('confirmed', 'the page after verifying')
  await b.shot('verified')

  await other.logIn(address, first)
  other.at('/me', 'logging in elsewhere')
  await b.goto('/auth/login')
  await b.goto('/auth/forgot')
  await b.shot('forgot')
  await b.submit('forgot', { email: address })
  await b.says('mail', 'the page after asking')
  await b.shot('sent')
  await b.goto('/dev/mail')
  await b.shot('mail')
  await b.goto(await mailed(address, '/auth/reset?token='))
  await b.shot('reset')
  await b.submit('reset', { password: 'gatehouse demo gatehouse' })
  check(await b.page.locator('[aria-invalid=true]').getAttribute('name') === 'password', 'a bad password is not marked')
  await b.shot('reset-refused')
  await b.submit('reset', { password: second })
  b.at('/auth/login', 'resetting')
  await b.shot('reset-done')
  check(!await b.isIn() && !await other.isIn(), 'somebody is still logged in after a reset')
  await other.goto('/me')
  other.at('/auth/login?next=%2Fme', 'the other browser after the reset')
  await other.shot('other-browser-dead')

  await b.logIn(address, second)
  b.at('/me', 'logging in with the new password')
  await b.goto('/auth/email')
  await b.shot('email')
  await b.submit('email', { email: moved })
  await b.shot('email-sent')
  await b.goto(await mailed(moved, '/auth/email?token='))
  await b.shot('email-confirm')
  await b.submit('email')
  await b.says(moved, 'the page after changing the address')
  await b.shot('email-changed')
  await other.logIn(address, second)
  check(!await other.isIn(), 'the old address still logs in')
  await other.logIn(moved, second)
  check(await other.isIn(), 'the new address does not log in')

  const last = await another()
  await last.goto(await mailed(address, '/auth/email/undo?token='))
  await last.shot('undo')
  await last.submit('email/undo')
  await last.shot('undone')
  check(!await b.isIn() && !await other.isIn() && !await last.isIn(), 'somebody is still logged in after undoing')
  await last.goto(await mailed(address, '/auth/reset?token='))
  await last.submit('reset', { password: third })
  await last.logIn(address, third)
  last.at('/me', 'logging in with the old address again')

  await last.goto('/auth/login')
  await last.goto('/auth/activity')
  await last.says('undone', 'the activity')
  await last.shot('activity')
  await last.goto('/auth/account')
  await last.shot('account')
  await last.goto('/auth/close')
  await last.shot('close')
  await last.submit('close')
  await last.shot('closed')
  check(!await last.isIn(), 'logged in after closing')
  await last.goto(await mailed(address, '/auth/close?token='))
  await last.says('Keep', 'the link to keep the account')
  await last.shot('keep')
  await last.logIn(address, third)
  await last.says('closed', 'logging in to a closed account')
  await last.shot('login-closed')
  await new Promise(resolve => setTimeout(resolve, graceSeconds * 1000))
  await mailed(address, '', 'was deleted')
  await last.logIn(address, third)
  check(!await last.isIn(), 'logged in to an account that is gone')
  await last.says('not right', 'logging in to an account that is gone')
  await last.shot('gone')
  await last.goto('/dev/mail')
  await last.shot('mail-in-the-end')
  await last.register(address, first)
  last.at('/me', 'registering anew')
}

// required is how an account begins where the address has to be verified first.
async function required({ check, another, mailed }) {
  const b = await another(), phone = await another()
  await b.register(address, first)
  await b.shot('registered')
  check(!await b.isIn(), 'registering logs in')
  await b.says('mail', 'the page after registering')
  await phone.goto(await mailed(address, '/auth/verify?token='))
  await phone.shot('verify-elsewhere')
  await phone.submit('verify', { password: second })
  await phone.shot('verify-elsewhere-wrong')
  check(await phone.page.locator('[aria-invalid=true]').getAttribute('name') === 'password', 'a wrong password is not marked')
  await phone.submit('verify', { password: first })
  await phone.shot('verified')
  check(!await b.isIn() && !await phone.isIn(), 'verifying logs in')
  await b.logIn(address, first)
  b.at('/me', 'logging in once verified')

  // By link, in the browser that has asked only.
  await b.page.context().clearCookies()
  await b.goto('/auth/login')
  await b.shot('login')
  await b.goto('/auth/link')
  await b.shot('link-ask')
  await b.submit('link', { email: address })
  await b.shot('link-sent')
  const link = await mailed(address, '/auth/link?token=')
  await phone.goto(link)
  await phone.says('in which you asked', 'the link in another browser')
  await phone.shot('link-elsewhere')
  await b.goto(link)
  await b.shot('link')
  await b.submit('link')
  check(await b.isIn(), 'the link does not log in')
  await b.shot('linked')

  const again = await another()
  await again.register(address, second)
  await again.shot('registered-again')
  await mailed(address, '', 'already')
}

// abroad is the beginning of it in another language.
const abroad = (lang, dir, word) => async ({ check, another, mailed }) => {
  const b = await another()
  const speaks = async what => {
    const html = await b.page.locator('html').evaluate(e => [e.lang, e.dir])
    check(html[0] === lang && html[1] === dir, `${what} is in ${html}`)
  }
  await b.goto('/auth/register?next=/auth/account')
  await speaks('registering')
  await b.shot('register')
  await b.submit('register', { email: address, password: first })
  await b.shot('account')
  await b.goto(await mailed(address, '/auth/verify?token='))
  await speaks('verifying')
  await b.shot('verify')
  await b.submit('verify')
  await b.shot('verified')
  await b.goto('/auth/forgot')
  await b.shot('forgot')
  await b.submit('forgot', { email: address })
  await speaks('the page after asking')
  await b.shot('sent')
  await b.goto(await mailed(address, '/auth/reset?token='))
  await speaks('resetting')
  await b.shot('reset')
  await b.submit('reset', { password: second })
  await b.shot('reset-done')
  await b.logIn(address, second)
  for (const page of ['email', 'close', 'activity', 'link']) {
    await b.goto('/auth/' + page)
    await speaks(page)
    await b.shot(page)
  }
  await b.goto('/dev/mail')
  check((await b.page.locator('main').innerText()).includes(word), `the mail is not in ${lang}`)
  await b.shot('mail')
}

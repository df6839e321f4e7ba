// Uses the pages as people do: with the keyboard alone, and without scripts.

export async function useForms(browser, url, faults) {
  const where = 'forms'
  const check = (ok, what) => faults.check(ok, where, what)

  // Nothing of the pages is a script, and nothing may come to need one.
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  faults.watch(page, () => where)
  const focused = async () => page.locator(':focus').evaluate(e => e.id || e.textContent)

  // Log in with the keyboard alone.
  await page.goto(url + '/show/plain/login')
  check(await focused() === 'password-email', 'the first field of the login has no focus')
  await page.keyboard.type('ada@example.com')
  await page.keyboard.press('Tab')
  await page.keyboard.type('correct horse battery')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await Promise.all([page.waitForURL(url + '/plain/login'), page.keyboard.press('Enter')])
  const sent = JSON.parse(await page.locator('body').textContent())
  const want = {
    email: ['ada@example.com'], password: ['correct horse battery'], remember: ['true'], next: ['/me?tab=orders&page=2'],
  }
  for (const [name, value] of Object.entries(want)) {
    check(JSON.stringify(sent.form[name]) === JSON.stringify(value), `the login sends ${name} ${sent.form[name]}, want ${value}`)
  }
  check(Object.keys(sent.form).length === 4, `the login sends ${Object.keys(sent.form)}`)
  check(sent.origin === url, `the login's Origin is ${sent.origin}, want ${url}`)
  check(sent.site === 'same-origin', `the login's Sec-Fetch-Site is ${sent.site}`)

  // A password that was refused is typed again where the cursor is.
  await page.goto(url + '/show/plain/login-error')
  check(await focused() === 'password-password', 'after a wrong password its field has no focus')

  // The problem leads to its field.
  await page.goto(url + '/show/plain/register-taken')
  check(await focused() === 'password-email', 'the field with the problem has no focus')
  await page.locator('#password-name').focus()
  await page.locator('[role=alert] a').click()
  await page.keyboard.press('End')
  await page.keyboard.type('!')
  check(await page.locator('#password-email').inputValue() === 'ada@example.com!', 'the link of the problem does not lead to its field')

  // Everything that can have the focus shows it, and has it in the order of the page.
  for (const name of ['plain/login', 'plain/account', 'plain/sessions', 'plain/error-forbidden', 'plain/activity', 'rtl/login-many', 'rtl/account-unverified', 'rtl/activity', 'de/verify-take-over']) {
    await page.goto(`${url}/show/${name}`)
    await page.locator('body').click({ position: { x: 1, y: 1 } })
    const stops = await page.locator('a, button, input:not([type=hidden]):not([hidden])').count()
    for (let i = 0; i < stops; i++) {
      await page.keyboard.press('Tab')
      const at = await page.locator(':focus').evaluate(e => [...document.querySelectorAll('a, button, input:not([type=hidden]):not([hidden])')].indexOf(e))
      check(at === i, `${name}: stop ${i} of the keyboard is element ${at}`)
      const [what, style, size] = await page.locator(':focus').evaluate(e => {
        const s = getComputedStyle(e)
        return [e.outerHTML.slice(0, 60), s.outlineStyle, parseFloat(s.outlineWidth)]
      })
      check(style === 'solid' && size >= 2, `${name}: the focus on ${what} cannot be seen`)
    }
  }

  // A password manager learns whose password is being changed.
  for (const name of ['password', 'password-set', 'reset']) {
    await page.goto(`${url}/show/plain/${name}`)
    const username = page.locator('input[autocomplete=username]')
    check(await username.count() === 1 && await username.inputValue() === 'ada@example.com', `${name} does not say whose password is changed`)
    check(await page.locator('input[autocomplete=new-password]').count() === 1, `${name} has no new password`)
  }

  // A link is used by its button, with the keyboard; nothing but the token is sent.
  await page.goto(url + '/show/plain/link-login')
  await page.getByRole('button', { name: 'Log in', exact: true }).focus()
  await Promise.all([page.waitForURL(url + '/plain/link'), page.keyboard.press('Enter')])
  const used = JSON.parse(await page.locator('body').textContent())
  check(Object.keys(used.form).sort().join() === 'next,token' && used.form.token[0].length > 30, `the link sends ${Object.keys(used.form)}`)
  await context.close()
}

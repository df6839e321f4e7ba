// People who visit the demo.

// email is the address that they log in with.
export const email = 'ada@example.com'

// A visitor is a browser of its own, at the demo.
export async function visitor(browser, url, faults, options) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  faults.watch(page, () => `demo ${new URL(page.url() === 'about:blank' ? url : page.url()).pathname}`)
  const press = async name => {
    await Promise.all([page.waitForNavigation(), page.getByRole('button', { name, exact: true }).click()])
  }
  const follow = async name => {
    await Promise.all([page.waitForNavigation(), page.getByRole('main').getByRole('link', { name, exact: true }).click()])
  }
  const logIn = async (password, stay) => {
    await page.getByLabel('Email address').fill(email)
    await page.getByLabel('Password', { exact: true }).fill(password)
    if (stay) await page.getByLabel('Stay logged in').check()
    await press('Log in')
  }
  return { context, page, press, follow, logIn, close: () => context.close() }
}

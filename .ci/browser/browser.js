// What the browser tests share: the browser, the servers, and a list of what
// went wrong.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const root = fileURLToPath(new URL('../..', import.meta.url))

// launch starts Debian's Chromium, or the one that CHROMIUM names.
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
}

// serveGallery starts the gallery of pages, serveDemo the demo; each returns its
// URL and how to stop it. GALLERY and DEMO name programs that are built already.
export const serveGallery = () => serve('./pages/internal/gallery', process.env.GALLERY, ['-addr', 'localhost:0'])
export const serveDemo = (db, ...args) => serve('./examples/demo', process.env.DEMO, ['-addr', 'localhost:0', '-db', db, ...args])

const stops = []
process.on('exit', () => { for (const stop of stops) stop() })

async function serve(source, binary, args) {
  const command = binary ? [binary] : ['go', 'run', source]
  const server = spawn(command[0], [...command.slice(1), ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  // The whole group: go run passes no signal on to what it runs.
  const stop = () => { try { process.kill(-server.pid) } catch { /* has ended */ } }
  stops.push(stop)
  let log = ''
  server.stderr.on('data', d => { log += d })
  const line = await new Promise((resolve, reject) => {
    createInterface(server.stdout).once('line', resolve)
    server.once('error', reject)
    server.once('exit', code => reject(new Error(`${source} ended with ${code}: ${log}`)))
  })
  return { url: line.match(/http:\S+/)[0].replace(/\/$/, ''), stop, log: () => log }
}

// Faults collects what is wrong, so that one run reports everything.
export class Faults {
  list = []

  add(where, what) {
    this.list.push(`${where}: ${what}`)
    console.error(`FAIL ${where}: ${what}`)
  }

  check(ok, where, what) {
    if (!ok) this.add(where, what)
  }

  // watch reports what the browser itself complains about: policy violations,
  // failed and foreign requests, errors of scripts.
  watch(page, where) {
    page.on('console', m => {
      // A page under 401 or 500 is no complaint.
      const status = m.text().startsWith('Failed to load resource: the server responded with a status') && m.location().url === page.url()
      if (['error', 'warning'].includes(m.type()) && !status) this.add(where(), `console: ${m.text()}`)
    })
    page.on('pageerror', e => this.add(where(), `script: ${e.message}`))
    page.on('requestfailed', r => this.add(where(), `request failed: ${r.url()}`))
    page.on('request', r => {
      if (!r.isNavigationRequest() && !r.url().startsWith('data:')) this.add(where(), `loads ${r.url()}`)
    })
  }
}

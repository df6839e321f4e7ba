// A mail server that is not ours, for the tests of package smtpmail: smtp-server, of
// nodemailer, which keeps what it takes in memory.
//
//	node server.js
//
// prints what GATEHOUSE_TEST_SMTP is to be: where GET / tells its ports, who may send, and
// the certificate, and GET /mail?to=… what has arrived for an address, oldest first. Some
// recipients are not taken: hard@, soft@, policy@, spam@ and late@, see below.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SMTPServer } from 'smtp-server'

// A certificate for localhost, and not for 127.0.0.1.
const dir = mkdtempSync(join(tmpdir(), 'smtp-'))
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
  '-addext', 'subjectAltName=DNS:localhost', '-keyout', join(dir, 'key'), '-out', join(dir, 'cert')], { stdio: 'ignore' })
const [key, cert] = ['key', 'cert'].map(name => readFileSync(join(dir, name), 'utf8'))
rmSync(dir, { recursive: true })

const user = 'gatehouse'
const password = randomBytes(9).toString('base64') + '&@:/%'
const mail = []

const say = (code, text) => Object.assign(new Error(text), { responseCode: code })
const replies = {
  hard: say(550, '5.1.1 there is nobody of that name'),
  soft: say(451, '4.3.0 come again later'),
  policy: say(550, '5.7.1 relaying denied'),
}

const options = {
  key, cert, logger: false, disableReverseLookup: true, authMethods: ['PLAIN', 'LOGIN'],
  onAuth(auth, session, done) {
    const right = auth.username === user && auth.password === password
    done(right ? null : say(535, `5.7.8 ${auth.password} is not the password`), { user: auth.username })
  },
  onRcptTo(address, session, done) { done(replies[address.address.split('@')[0]]) },
  onData(stream, session, done) {
    const chunks = []
    stream.on('data', chunk => chunks.push(chunk))
    stream.on('end', () => {
      const to = session.envelope.rcptTo.map(rcpt => rcpt.address)
      if (to[0].startsWith('spam@')) return done(say(554, '5.6.0 that is not mail'))
      mail.push({
        from: session.envelope.mailFrom.address, options: session.envelope.mailFrom.args || {}, to, hello: session.hostNameAppearsAs,
        user: session.user || '', secure: session.secure, raw: Buffer.concat(chunks).toString('base64'),
      })
      setTimeout(done, to[0].startsWith('late@') ? 3000 : 0)
    })
  },
}

const listen = server => new Promise((resolve, reject) => {
  server.on('error', () => {}) // of one connection, such as a certificate that is not trusted
  server.listen(0, '127.0.0.1', () => resolve(server.server ? server.server.address().port : server.address().port))
})

// Without TLS; with STARTTLS, before which nobody can log in; with TLS from the start.
const ports = {
  plain: await listen(new SMTPServer({ ...options, authOptional: true, disabledCommands: ['STARTTLS'], allowInsecureAuth: true })),
  starttls: await listen(new SMTPServer(options)),
  tls: await listen(new SMTPServer({ ...options, secure: true })),
}

const http = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const answer = url.pathname === '/mail' ? mail.filter(m => m.to.includes(url.searchParams.get('to'))) : { ...ports, user, password, cert }
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(answer))
})
console.log(`http://127.0.0.1:${await listen(http)}`)

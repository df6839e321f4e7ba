// An OpenID provider that is not ours, for TestRealOpenIDProvider: the certified
// oidc-provider, with people who need no password.
//
//	node provider.js
//
// prints what GATEHOUSE_TEST_OIDC is to be: where it is, and what it calls the site
// that the test plays. Other sites are unknown to it.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

const site = 'https://app.example/auth/oauth/real/callback'
const random = () => randomBytes(24).toString('base64url')
const secret = random()
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })

// Who can log in, by what they type as their login.
const people = {
  ada: { name: 'Ada Lovelace', email: 'ada@example.com', email_verified: true },
  bob: { name: 'Bob', email: 'bob@example.com', email_verified: false },
}

const server = createServer()
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [
    { client_id: 'site', client_secret: secret, redirect_uris: [site] },
    { client_id: 'public', token_endpoint_auth_method: 'none', redirect_uris: [site] },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (ctx, id) => Object.hasOwn(people, id) ? { accountId: id, claims: () => ({ sub: id, ...people[id] }) } : undefined,
  pkce: { required: () => true },
  cookies: { keys: [random()] },
  jwks: { keys: [{ ...key, kid: random(), use: 'sig' }] },
  features: { devInteractions: { enabled: true } },
})

// It takes a request without nonce, since the specification lets it (OpenID Connect
// Core 1.0, 3.1.2.1). Ours are to have one.
provider.use(async (ctx, next) => {
  if (ctx.path === '/auth' && !ctx.query.nonce) ctx.throw(400, 'the nonce is missing')
  await next()
})

server.on('request', provider.callback())
console.log(`${issuer}?client_id=site&client_secret=${secret}`)

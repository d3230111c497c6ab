// A real OpenID Connect provider for the tests: certified code, people who log in without being asked, and a switch that
// makes it answer as an attacker would want it to. PORT, REDIRECT and POST_LOGOUT are given; `PUT /control` says who logs in.
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import Provider from 'oidc-provider'

const issuer = `http://127.0.0.1:${process.env.PORT}`
const client = 'hytopus'
const { privateKey } = await generateKeyPair('RS256', { extractable: true })
const stranger = await generateKeyPair('RS256')
const jwk = { ...await exportJWK(privateKey), kid: 'one', alg: 'RS256', use: 'sig' }

/** Who logs in next, with which claims, and what is done to his ID token. */
let control = { account: 'alice', claims: {}, tamper: {} }

const provider = new Provider(issuer, {
  jwks: { keys: [jwk] },
  clients: [{
    client_id: client,
    client_secret: 'a secret of the client',
    redirect_uris: [process.env.REDIRECT],
    post_logout_redirect_uris: [process.env.POST_LOGOUT],
  }],
  cookies: { keys: ['only for tests'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, preferred_username: sub, ...control.claims }) }),
  async loadExistingGrant(ctx) {
    const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
    grant.addOIDCScope('openid profile email')
    await grant.save()
    return grant
  },
})

async function forged(token) {
  const payload = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
  const { alg = 'RS256', key, ...claims } = control.tamper
  Object.assign(payload, claims)
  if (alg === 'none') return new UnsecuredJWT(payload).encode()
  if (alg === 'HS256') return new SignJWT(payload).setProtectedHeader({ alg, kid: 'one' }).sign(new TextEncoder().encode('a secret of the client'.padEnd(32)))
  return new SignJWT(payload).setProtectedHeader({ alg, kid: 'one' }).sign(key === 'stranger' ? stranger.privateKey : privateKey)
}

provider.use(async (ctx, next) => {
  await next()
  if (ctx.path === '/token' && ctx.body?.id_token && Object.keys(control.tamper).length) ctx.body.id_token = await forged(ctx.body.id_token)
})

async function read(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}

const handle = provider.callback()

createServer(async (request, response) => {
  if (request.url === '/control') {
    control = { account: 'alice', claims: {}, tamper: {}, ...await read(request) }
    response.writeHead(204).end()
  } else if (request.url.startsWith('/interaction/')) {
    const result = control.refuse ? { error: 'access_denied' } : { login: { accountId: control.account } }
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
  } else {
    handle(request, response)
  }
}).listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('ready\n'))

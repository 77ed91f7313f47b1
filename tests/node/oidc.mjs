// An OpenID provider for the tests: the real oidc-provider, whose sign-in page knows three people by name.
// Usage: node oidc.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
import { Provider } from 'oidc-provider'

const [port, id, secret, redirect] = process.argv.slice(2)
const people = {
  ada: { email: 'ada@example.org', email_verified: true, name: 'Ada L.' },
  nora: { email: 'nora@example.org', email_verified: true, name: 'Nora' },
  eve: { email: 'ada@example.org', email_verified: false, name: 'Eve' },
}
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: id, client_secret: secret, redirect_uris: [redirect], token_endpoint_auth_method: 'client_secret_post' }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  cookies: { keys: ['of the test'] },
  findAccount: (_, sub) => ({ accountId: sub, claims: async () => ({ sub, ...people[sub] }) }),
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
})
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'))

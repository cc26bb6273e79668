// oidc-provider with ES256 and its clients, codes and tokens in a Map: `node oidc_provider.mjs PORT`. GET /__seed makes
// refresh and access tokens, so that nothing but the measured requests is measured.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const port = Number(process.argv[2]);
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const kept = new Map();
const grants = new Map();

class InMemory {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload) {
    kept.set(this.key(id), payload);
    if (payload.grantId) grants.set(payload.grantId, (grants.get(payload.grantId) ?? new Set()).add(this.key(id)));
  }
  async find(id) { return kept.get(this.key(id)); }
  async findByUid() {}
  async findByUserCode() {}
  async consume(id) { kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { kept.delete(this.key(id)); }
  async revokeByGrantId(id) { for (const key of grants.get(id) ?? []) kept.delete(key); }
}

const provider = new Provider(`http://localhost:${port}`, {
  adapter: InMemory,
  clients: [{
    client_id: "bench", client_secret: "a secret of the bench, not of anybody",
    grant_types: ["client_credentials", "authorization_code", "refresh_token"], response_types: ["code"],
    redirect_uris: ["http://localhost/cb"], token_endpoint_auth_method: "client_secret_post",
    id_token_signed_response_alg: "ES256",
  }],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: "1" }] },
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  findAccount: (_, id) => ({
    accountId: id, claims: async () => ({ sub: id, email: `${id}@example.com`, email_verified: true }),
  }),
  rotateRefreshToken: true,
  cookies: { keys: ["k".repeat(32)] },
  features: {
    devInteractions: { enabled: false }, clientCredentials: { enabled: true }, introspection: { enabled: true },
    userinfo: { enabled: true }, revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: ({ oidc }) => (oidc?.params?.grant_type === "client_credentials" ? "urn:api" : undefined),
      getResourceServerInfo: () => ({
        scope: "read", audience: "urn:api", accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});

const seed = async () => {
  const client = await provider.Client.find("bench");
  const now = Math.floor(Date.now() / 1000);
  const scope = "openid email offline_access";
  const made = { refresh: [], access: [] };
  for (let at = 0; at < 40; at += 1) {
    const grant = new provider.Grant({ clientId: "bench", accountId: `person${at}` });
    grant.addOIDCScope(scope);
    const common = {
      accountId: `person${at}`, client, grantId: await grant.save(), scope, authTime: now, gty: "authorization_code",
      claims: {},
    };
    const refresh = { ...common, rotations: 0, iiat: now, expiresWithSession: false };
    made.refresh.push(await new provider.RefreshToken(refresh).save());
    made.access.push(await new provider.AccessToken(common).save());
  }
  return made;
};

const answer = provider.callback();
createServer(async (request, response) => {
  if (request.url === "/__seed") response.end(JSON.stringify(await seed()));
  else answer(request, response);
}).listen(port, "127.0.0.1");

// Goes through every flow with openid-client, unmodified. Where a person is needed it prints one line of JSON, and reads
// the line that answers: {"authorize": url} is answered by the URL that the browser was sent back to, {"device": code} by
// anything once the code was allowed. The last line is {"done": [names of the flows]}.
import readline from "node:readline";
import * as oidc from "openid-client";

const [issuer, clientId, clientSecret, redirectUri, robotId, robotSecret, deviceId] = process.argv.slice(2);
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (question) => {
  console.log(JSON.stringify(question));
  return (await lines.next()).value;
};
const insecure = { execute: [oidc.allowInsecureRequests] };
const done = [];
const check = (name, holds) => {
  if (!holds) throw new Error(name);
  done.push(name);
};

const config = await oidc.discovery(new URL(issuer), clientId, clientSecret, undefined, insecure);
check("discovery", config.serverMetadata().token_endpoint.startsWith(issuer));

const codeFlow = async (build, options) => {
  const verifier = oidc.randomPKCECodeVerifier();
  const parameters = {
    redirect_uri: redirectUri,
    scope: "openid email offline_access",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
  };
  const url = await build(parameters);
  const back = new URL(await ask({ authorize: url.href }));
  const checks = { pkceCodeVerifier: verifier, expectedState: parameters.state, expectedNonce: parameters.nonce };
  return oidc.authorizationCodeGrant(config, back, { ...checks, idTokenExpected: true }, undefined, options);
};

const tokens = await codeFlow((parameters) => oidc.buildAuthorizationUrl(config, parameters));
const subject = tokens.claims().sub;
check("code with PKCE", tokens.access_token && tokens.refresh_token);

const info = await oidc.fetchUserInfo(config, tokens.access_token, subject);
check("userinfo", info.email.includes("@"));

const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
check("refresh", refreshed.refresh_token !== tokens.refresh_token && refreshed.claims().sub === subject);

const told = await oidc.tokenIntrospection(config, refreshed.access_token);
check("introspection", told.active && told.sub === subject);

await oidc.tokenRevocation(config, refreshed.refresh_token);
check("revocation", !(await oidc.tokenIntrospection(config, refreshed.access_token)).active);

const pushed = await codeFlow((parameters) => oidc.buildAuthorizationUrlWithPAR(config, parameters));
check("PAR", pushed.claims().sub === subject);

const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair("ES256"));
const bound = await codeFlow((parameters) => oidc.buildAuthorizationUrl(config, parameters), { DPoP });
check("DPoP", bound.token_type === "dpop");
check("DPoP userinfo", (await oidc.fetchUserInfo(config, bound.access_token, subject, { DPoP })).sub === subject);

const robot = await oidc.discovery(new URL(issuer), robotId, robotSecret, undefined, insecure);
const own = await oidc.clientCredentialsGrant(robot, { scope: "forecasts.read", resource: "https://api.example" });
check("client credentials", own.scope === "forecasts.read");

const device = await oidc.discovery(new URL(issuer), deviceId, undefined, oidc.None(), insecure);
const begun = await oidc.initiateDeviceAuthorization(device, { scope: "openid" });
await ask({ device: begun.user_code });
const connected = await oidc.pollDeviceAuthorizationGrant(device, { ...begun, interval: 1 });
check("device", connected.claims().sub === subject);

const end = oidc.buildEndSessionUrl(config, { id_token_hint: pushed.id_token });
check("end session", end.href.startsWith(config.serverMetadata().end_session_endpoint));
console.log(JSON.stringify({ done }));

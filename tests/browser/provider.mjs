// An identity provider (OpenID Connect) on loopback, for one client: PORT CLIENT_SECRET ADDRESS_TO_COME_BACK_TO.
// It takes any name and password; whoever has signed in may be called Ada Lovelace and is of the group "staff".

import { Provider } from "oidc-provider";

const [port, secret, back] = process.argv.slice(2);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "sendout-console", client_secret: secret, redirect_uris: [back] }],
  claims: { openid: ["sub", "groups"], email: ["email", "email_verified"], profile: ["name"] },
  conformIdTokenClaims: false,
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id, email: `${id}@example.org`, email_verified: true, name: "Ada Lovelace", groups: ["staff"],
    }),
  }),
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));

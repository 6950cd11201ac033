// A backend that verifies Gate-Identity with nothing but Node's own modules.
import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";

const { GATE_JWKS, GATE_ISSUER, GATE_AUDIENCE, PORT = "3000" } = process.env;
const LEEWAY = 5; // seconds
const KEEP = 300_000; // the key set, in ms
const AGAIN = 1_000; // the least time between two fetches, in ms

let keys = new Map();
let fetched = 0;
let fetching = null;

async function fetchKeys() {
  const answer = await fetch(GATE_JWKS, { signal: AbortSignal.timeout(5_000), redirect: "error" });
  if (!answer.ok) throw new Error(`the gate's keys: ${answer.status}`);
  const { keys: set } = await answer.json();
  keys = new Map(
    set
      .filter((jwk) => jwk.kty === "EC" && jwk.crv === "P-256")
      .map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: "jwk" })]),
  );
}

async function keyOf(kid) {
  const age = Date.now() - fetched;
  if (age > KEEP || (!keys.has(kid) && age > AGAIN)) {
    fetched = Date.now();
    fetching = fetchKeys().catch((err) => console.error(String(err))); // the old keys go on
  }
  await fetching;
  return keys.get(kid);
}

const part = (text) => JSON.parse(Buffer.from(text, "base64url").toString("utf8"));

// identity gives the claims of a good assertion, and throws for any other.
async function identity(token) {
  const parts = (token ?? "").split(".");
  if (parts.length !== 3) throw new Error("no assertion");
  const header = part(parts[0]);
  if (header.alg !== "ES256" || header.typ !== "gate-identity+jwt" || header.crit !== undefined) throw new Error("of another kind");
  const key = await keyOf(header.kid);
  if (!key) throw new Error("of an unknown key");
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
  const signature = Buffer.from(parts[2], "base64url");
  if (!verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, signature)) throw new Error("not signed by the gate");
  const claims = part(parts[1]);
  const now = Date.now() / 1000;
  if (claims.iss !== GATE_ISSUER || claims.aud !== GATE_AUDIENCE) throw new Error("for somebody else");
  if (typeof claims.exp !== "number" || now > claims.exp + LEEWAY) throw new Error("expired");
  if (typeof claims.iat !== "number" || now < claims.iat - LEEWAY) throw new Error("of the future");
  if (typeof claims.sub !== "string" || claims.sub === "") throw new Error("about nobody");
  return claims;
}

const server = createServer(async (request, response) => {
  try {
    const { sub, idp, roles = [] } = await identity(request.headers["gate-identity"]);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ sub, idp, roles }));
  } catch (err) {
    response.statusCode = 401;
    response.end(`${err.message}\n`);
  }
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));

// Scores a captured site as the HTTP Observatory does (its src/scanner/index.js), with
// the Observatory's own analysers. Usage: node score.mjs MODULE-FOLDER < capture.json
import fs, { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

// The package downloads the browsers' preload list when it is installed. The site under
// test is on none, so an empty list says the same.
const read = fs.readFileSync;
fs.readFileSync = (file, ...rest) => (String(file).endsWith('hsts-preload.json') ? '{}' : read(file, ...rest));

const root = process.argv[2];
const load = (file) => import(pathToFileURL(path.join(root, 'node_modules', file)));
const observatory = '@mdn/mdn-http-observatory/src/';
const { Requests } = await load(observatory + 'types.js');
const { ALL_TESTS } = await load(observatory + 'constants.js');
const { getGradeForScore, getScoreModifier } = await load(observatory + 'grader/grader.js');
const { MINIMUM_SCORE_FOR_EXTRA_CREDIT } = await load(observatory + 'grader/charts.js');
const { parseHttpEquivHeaders } = await load(observatory + 'retriever/utils.js');
const require = createRequire(path.join(root, 'package.json'));
const { AxiosHeaders } = require('axios');
const { CookieJar } = require('tough-cookie');

const site = JSON.parse(readFileSync(0, 'utf8'));
const origin = 'https://' + site.host + '/';
const r = new Requests(site.host);
const response = (a) => ({ status: a.status, headers: new AxiosHeaders(a.headers), data: a.body, verified: true, request: {}, config: {} });
const jar = new CookieJar();
for (const c of site.page.cookies || []) { jar.setCookieSync(c, origin); }
r.session = { url: new URL(origin), jar, redirectHistory: [], response: { verified: true } };
r.responses.auto = response(site.page);
r.responses.https = r.responses.auto;
r.responses.cors = response(site.preflight);
r.responses.http = response(site.page);
r.responses.httpRedirects = [{ url: new URL('http://' + site.host + '/'), status: site.redirect.status }, { url: new URL(site.redirect.location), status: site.page.status }];
r.resources.path = site.page.body;
r.responses.auto.httpEquiv = parseHttpEquivHeaders(site.page.body, origin);

let score = 100;
let uncurved = 100;
const results = {};
for (const test of ALL_TESTS) {
  const out = test(r);
  if (!out.result) { continue; }
  const modifier = getScoreModifier(out.result);
  results[test.name] = [out.result, modifier];
  score += modifier;
  if (modifier < 0) { uncurved += modifier; }
}
if (uncurved < MINIMUM_SCORE_FOR_EXTRA_CREDIT) { score = uncurved; }
console.log(JSON.stringify({ score, grade: getGradeForScore(score).grade ?? getGradeForScore(score), results }));

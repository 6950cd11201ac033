// node-postgres doing its job; NODE_PATH says where it is. It prints all it gets.
'use strict';
const { Client, Pool } = require('pg');

const say = (what, ...values) => console.log(what + ':', ...values.map((v) => JSON.stringify(v)));
const error = (e) => ({ code: e.code, message: e.message, severity: e.severity, detail: e.detail, hint: e.hint, position: e.position, where: e.where, table: e.table, constraint: e.constraint, routine: e.routine });
const tried = (p) => p.then((r) => ({ command: r.command, count: r.rowCount, rows: r.rows, fields: (r.fields || []).map((f) => [f.name, f.dataTypeID]) }), (e) => ({ error: error(e) }));

async function main() {
  const c = new Client();
  c.on('notice', (n) => say('notice', n.severity, n.message, n.hint));
  await c.connect();
  say('simple', await tried(c.query('select 1 as one, null as none, now() is not null as t')));
  say('several', (await c.query('select 1 as a; select 2 as b; select 3 as c')).map((r) => r.rows));
  say('parameters', await tried(c.query('select $1::int + 1 as n, $2::text as t, $3::jsonb as j', [41, "o'hara \\ ;--", { a: [1, null] }])));
  for (let i = 1; i < 4; i++) say('named', await tried(c.query({ name: 'by-id', text: 'select id, name, born::text from people where id = $1', values: [i] })));
  say('as arrays', (await c.query({ text: 'select id, what from orders order by id limit 3', rowMode: 'array' })).rows);
  say('failing', await tried(c.query('selec')), await tried(c.query('select broken()')), await tried(c.query('insert into people (id, name) values ($1, $2)', [1, 'twice'])));
  say('failing bind', await tried(c.query('select $1::int', ['x'])), await tried(c.query({ name: 'bad', text: 'select * from nowhere where id = $1', values: [1] })));
  say('notices', await tried(c.query('select noisy($1)', ['node'])));
  await c.query('begin');
  say('insert', await tried(c.query('insert into copied (id, text, bytes) values ($1, $2, $3) returning *', [1, 'ünïcødé 😀', Buffer.from([0, 255, 92, 39])])));
  say('failing', await tried(c.query('select 1/0')), await tried(c.query('select 1')));
  await c.query('rollback');
  say('rolled back', await tried(c.query('select count(*) from copied')));
  const ahead = [c.query('select 1 as n'), c.query('select 1/0'), c.query('select $1::int as n', [3]), c.query('selec $1', [4]), c.query('select 5 as n')];
  say('sent ahead', await Promise.all(ahead.map(tried)));

  const heard = new Promise((done) => c.once('notification', (n) => done([n.channel, n.payload, n.processId === c.processID])));
  await c.query('listen news');
  await c.query("select pg_notify('news', $1)", ['hello']);
  say('notification', await heard);

  const pool = new Pool({ max: 4 });
  const all = await Promise.all(Array.from({ length: 60 }, (_, i) => pool.query('select $1::int as i, count(*)::int as n from people where id > $1', [i])));
  say('pool', all.every((r, i) => r.rows[0].i === i && r.rows[0].n === 100 - i), pool.totalCount <= 4);
  say('timed out', await pool.query({ text: 'select pg_sleep(20)', query_timeout: 50 }).then(() => 'no', (e) => e.message));
  const limited = new Client({ statement_timeout: 50, application_name: 'node' });
  await limited.connect();
  say('statement_timeout', await tried(limited.query('select pg_sleep(20)')), await tried(limited.query('show application_name')));
  await limited.end();
  say('big', (await c.query("select repeat('x', 2000000) as x, i from generate_series(1, 3) i")).rows.map((r) => r.x.length));
  say('many', (await c.query('select i from generate_series(1, 30000) i')).rowCount);
  await c.end();
  console.log('done');
  process.exit(0); // what timed out goes on sleeping
}

main().catch((e) => { console.log(e); process.exit(1); });

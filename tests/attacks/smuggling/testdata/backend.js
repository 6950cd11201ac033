// A backend that tells what it read, a line for each request.
const crypto = require('crypto');
require('http').createServer((req, res) => {
  const h = crypto.createHash('sha256');
  let n = 0;
  req.on('data', (d) => { h.update(d); n += d.length; });
  req.on('end', () => {
    console.log('read ' + JSON.stringify([req.method, req.url, req.headers['gate-request-id'] || '', n, h.digest('hex').slice(0, 16)]));
    res.end('ok');
  });
}).listen(Number(process.argv[2]), '127.0.0.1');

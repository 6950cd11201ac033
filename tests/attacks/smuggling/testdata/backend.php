<?php // A backend that tells what it read, a line for each request.
$body = file_get_contents('php://input');
$told = [$_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], $_SERVER['HTTP_GATE_REQUEST_ID'] ?? '', strlen($body), substr(hash('sha256', $body), 0, 16)];
file_put_contents('php://stderr', 'read ' . json_encode($told, JSON_UNESCAPED_SLASHES) . "\n");
echo 'ok';

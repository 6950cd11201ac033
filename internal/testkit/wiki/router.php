<?php
// The routes of a small MediaWiki under PHP's own server: uploads come from the
// folder that WIKI_UPLOADS names, everything else from the package as it is.
$path = rawurldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
if (preg_match('#^/uploads/(.+)$#', $path, $m) && !str_contains($m[1], '..')) {
    $file = getenv('WIKI_UPLOADS') . '/' . $m[1];
    if (!is_file($file)) { http_response_code(404); return true; }
    header('Content-Type: ' . mime_content_type($file));
    readfile($file);
    return true;
}
if ($path === '/favicon.ico') { http_response_code(204); return true; }
return false; // static files and the scripts themselves

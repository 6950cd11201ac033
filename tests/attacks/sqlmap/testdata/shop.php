<?php
// A shop that is injectable by each of sqlmap's techniques, on purpose: every
// input is concatenated. It runs under PHP's own server, on loopback, for tests
// alone. WIRE names the database as PDO does, DB_USER and DB_PASSWORD the role.
ini_set('display_errors', '0');
$db = new PDO(getenv('WIRE'), getenv('DB_USER'), getenv('DB_PASSWORD'), [
    PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    PDO::ATTR_EMULATE_PREPARES => true, // as many sites have it: statements go as they are
    PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_NUM,
]);

function page(string $title, array $lines): void
{
    header('Content-Type: text/html; charset=utf-8');
    echo '<!doctype html><html lang="en"><head><title>', $title, '</title></head><body><h1>', $title, '</h1><ul>';
    foreach ($lines as $line) {
        echo '<li>', htmlspecialchars($line), '</li>';
    }
    echo '</ul></body></html>';
}

/** @return list<string> */
function rows(PDO $db, string $sql): array
{
    return array_map(fn (array $row): string => implode(' · ', array_map(fn ($v): string => (string) $v, $row)), $db->query($sql)->fetchAll());
}

switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/search': // a search whose rows are shown: UNION
        page('Search', rows($db, "SELECT id, name, price FROM products WHERE name ILIKE '%" . ($_GET['q'] ?? '') . "%' ORDER BY id"));
        return true;
    case '/product': // there or not there: boolean, and time
        try {
            $found = rows($db, 'SELECT name FROM products WHERE id = ' . ($_GET['id'] ?? '0'));
        } catch (PDOException) {
            $found = [];
        }
        page('Product', $found === [] ? ['No such product.'] : ['This is in stock.']);
        return true;
    case '/orders': // shows what the database says: error
        try {
            page('Orders', rows($db, "SELECT id, status FROM orders WHERE status = '" . ($_GET['status'] ?? '') . "' ORDER BY id"));
        } catch (PDOException $e) {
            http_response_code(500);
            page('Orders', [$e->getMessage()]);
        }
        return true;
    case '/visit': // counts, and says nothing: stacked, and time
        try {
            $db->exec("UPDATE products SET visits = visits + 1 WHERE sku = '" . ($_GET['sku'] ?? '') . "'");
        } catch (PDOException) {
            // a visit more or less
        }
        page('Counted', ['Thank you.']);
        return true;
    case '/list': // lets the client choose a column: inline
        try {
            page('List', rows($db, 'SELECT ' . ($_GET['column'] ?? 'name') . ' FROM products ORDER BY id LIMIT 1'));
        } catch (PDOException) {
            http_response_code(500);
            page('List', ['There is no such column.']);
        }
        return true;
}
http_response_code(404);
page('Not found', []);
return true;

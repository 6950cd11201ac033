<?php
// PDO with emulated and with native prepares, and the pgsql extension, doing
// their job. It prints all that it gets; the connection is PG*'s.
declare(strict_types=1);

function say(string $what, ...$values): void { echo $what, ': ', json_encode($values, JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR), "\n"; }
function failing(string $what, callable $job): void {
    try { $job(); say($what, 'did not fail'); } catch (PDOException $e) { say($what, $e->getCode(), $e->getMessage()); }
}

$dsn = sprintf('pgsql:host=%s;port=%s;dbname=%s', getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE'));
foreach ([true, false] as $emulated) {
    say('emulated', $emulated);
    $db = new PDO($dsn, getenv('PGUSER'), getenv('PGPASSWORD'), [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulated, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC]);
    $s = $db->prepare('select id, name, born from people where id = :id or name = :name');
    foreach ([1, 2, 3] as $id) { $s->execute(['id' => $id, 'name' => "o'hara \\ ;--"]); say('rows', $s->fetchAll()); }
    $s = $db->prepare('insert into copied (id, text, bytes) values (?, ?, ?) returning id');
    foreach ([1, 2] as $id) {
        $s->bindValue(1, $id, PDO::PARAM_INT); $s->bindValue(2, 'ünïcødé 😀'); $s->bindValue(3, "\x00\xff\\'", PDO::PARAM_LOB);
        $s->execute(); say('inserted', $s->fetchColumn(), $s->rowCount());
    }
    say('bytes', bin2hex(stream_get_contents($db->query('select bytes from copied where id = 1')->fetchColumn())));
    failing('syntax', fn () => $db->query('selec'));
    failing('prepared syntax', fn () => $db->prepare('selec ?')->execute([1]));
    failing('broken', fn () => $db->query('select broken()'));
    failing('bad value', fn () => $db->prepare('select ?::int')->execute(['x']));
    $db->beginTransaction();
    $db->exec('delete from copied');
    failing('twice', fn () => $db->exec("insert into people (id, name) values (1, 'twice')"));
    failing('after it', fn () => $db->query('select 1'));
    $db->rollBack();
    say('rolled back', $db->query('select count(*) from copied')->fetchColumn());
    say('several', $db->exec("update people set note = 'php' where id < 4; delete from copied where id = 2"));
    $db->beginTransaction();
    $s = $db->prepare('select id from orders order by id', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
    $s->execute();
    say('scrolled', $s->fetch(PDO::FETCH_ASSOC, PDO::FETCH_ORI_LAST), $s->fetch(PDO::FETCH_ASSOC, PDO::FETCH_ORI_ABS, 3), $s->fetch(PDO::FETCH_ASSOC, PDO::FETCH_ORI_PRIOR));
    $s = null;
    $oid = '7777';
    $db->exec("select lo_create($oid)");
    $lob = $db->pgsqlLOBOpen($oid, 'w'); fwrite($lob, str_repeat('large ', 5000)); fclose($lob);
    $lob = $db->pgsqlLOBOpen($oid, 'r'); say('large object', strlen(stream_get_contents($lob))); fclose($lob);
    say('unlinked', $db->pgsqlLOBUnlink($oid));
    $db->commit();
    say('copied', $db->pgsqlCopyFromArray('copied', ["10\tten\t\\N", "11\televen\t\\N"]), $db->pgsqlCopyToArray('copied'));
    failing('copied badly', fn () => $db->pgsqlCopyFromArray('copied', ['x']));
    $db->exec('listen news; notify news, \'hello\'');
    $note = $db->pgsqlGetNotify(PDO::FETCH_ASSOC, 5000);
    say('notification', $note['message'], $note['payload'], $note['pid'] === $db->pgsqlGetPid());
    $db->exec('delete from copied');
    $db = null;
}

$c = pg_connect('');
say('pgsql', pg_fetch_all(pg_query_params($c, 'select $1::int + 1 as n, $2 as t', [1, "it's"])), pg_parameter_status($c, 'server_encoding'));
pg_prepare($c, 'p', 'select name from people where id = $1');
say('prepared', pg_fetch_result(pg_execute($c, 'p', [4]), 0, 0));
pg_send_query($c, 'select 1; selec; select 3');
while ($r = pg_get_result($c)) say('sent', pg_result_status($r), pg_result_error($r));
pg_send_query($c, 'select 1; select 1/0; select 3');
while ($r = pg_get_result($c)) say('sent', pg_result_status($r), pg_result_error_field($r, PGSQL_DIAG_SQLSTATE));
say('inserted', pg_insert($c, 'copied', ['id' => 5, 'text' => "it's"]) !== false, pg_select($c, 'copied', ['id' => '5']));
pg_send_query($c, 'select pg_sleep(20)');
usleep(200000);
say('cancelled', pg_cancel_query($c));
say('and on', pg_fetch_result(pg_query($c, 'select 42'), 0, 0), pg_transaction_status($c));
pg_close($c);
echo "done\n";

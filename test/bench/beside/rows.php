<?php
// Fifty rows, as `test/bench/site/src/site.js` writes them.
$db = new SQLite3($_SERVER['ROWS_DATABASE'], SQLITE3_OPEN_READONLY);
$rows = $db->query('SELECT id, title, text FROM rows ORDER BY id LIMIT 50');
$items = [];
while ($row = $rows->fetchArray(SQLITE3_ASSOC)) {
    $items[] = "<li id=\"row-{$row['id']}\"><a href=\"/row/{$row['id']}\">{$row['title']}</a> {$row['text']}</li>";
}
$html = '<!doctype html><html lang="en"><title>Rows</title><h1>Rows</h1><ol>' . implode("\n", $items) . '</ol></html>';
header('Content-Type: text/html; charset=utf-8');
header('Content-Length: ' . strlen($html));
echo $html;

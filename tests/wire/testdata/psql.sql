\set QUIET on
\pset pager off
\encoding UTF8
select 1 as one, 'zwei' as two;
\d
\d+
\dt
\d people
\d+ orders
\dv+ rich
\df+ twice
\dT+ mood
\du plain
\dn+
\l fixtures
\dp people
\sf noisy
\sv rich
\x on
select * from people where id < 3;
\x off
\timing off
select 'select ' || i from generate_series(1, 3) i \gexec
select 7 as seven, 'x' as ex \gset
\echo :seven :'ex'
select id, name from people where id = :seven \gdesc
select mood, id, id from moods \crosstabview mood id
\copy people to 'people.copy'
create temp table again (like people);
\copy again from 'people.copy'
select count(*), sum(points) from again;
\copy (select id, name from people where id <= 5 order by id) to 'five.csv' with (format csv, header)
\! cat five.csv
\copy again (id, name) from stdin with (format csv)
1001,"in ""quotes"""
1002,plain
\.
select id, name from again where id > 1000 order by id;
copy (select 'to stdout', i from generate_series(1, 3) i) to stdout;
copy again (id, name) from stdin;
1003	three
\.
\copy again from 'no such file'
\lo_import 'people.copy' 'a comment'
\set lo :LASTOID
select length(lo_get(:lo));
\lo_export :lo 'exported.copy'
\! cmp people.copy exported.copy && echo the same
\lo_unlink :lo
\lo_export 99 'gone.copy'
\lo_export 4242 fixture.txt
\! cat fixture.txt; echo
\set FETCH_COUNT 7
select id, what from orders order by id limit 30;
\unset FETCH_COUNT
\set ON_ERROR_ROLLBACK interactive
begin;
insert into people (id, name) values (1, 'twice');
select 1;
rollback;
\set ON_ERROR_ROLLBACK on
begin;
select 1/0;
select 'goes on after its savepoint';
commit;
\errverbose
select broken();
\set VERBOSITY verbose
select noisy('psql');
select nothing;
\set VERBOSITY default
begin \; select 1 \; select 2 \; commit;
do $$begin raise notice 'from an anonymous block'; end$$;
listen wire;
notify wire, 'psql';
prepare p (int) as select * from moods where id = $1;
execute p(1);
execute p(3);
set standard_conforming_strings = off;
select 'a\'b\\c';
set standard_conforming_strings = on;
set client_encoding = 'LATIN1';
select 'caf' || chr(233) = convert_from('\x636166e9', 'LATIN1');
reset client_encoding;
select 'ünïcødé';
explain (costs off) select * from orders where id = 3;
\c - - - -
select 'connected again';

-- A database with every common type and kind of object.
create schema other;
create domain positive as int check (value > 0);
create type colour as enum ('red', 'it''s green', 'blue');
create type pair as (a int, b text);
create type spans as range (subtype = float8);
create collation german (provider = libc, locale = 'C');
create table everything (
  id bigint generated always as identity (start 10 increment 3) primary key,
  s smallint, i int, b bigint, n numeric, nn numeric(20,5), r real, d double precision, m money,
  t text, v varchar(20), c char(5), nm name, by bytea, ch "char",
  bo bool, da date, ti time, tz time with time zone, ts timestamp, tstz timestamptz, iv interval,
  u uuid, j json, jb jsonb, x xml, bi bit(5), vb bit varying,
  ip inet, ci cidr, mac macaddr, mac8 macaddr8,
  po point, li line, ls lseg, bx box, pa path, pg polygon, cr circle,
  tv tsvector, tq tsquery, ir int4range, br int8range, nr numrange, dr daterange, mr int4multirange,
  ia int[], ta text[], iaa int[][], co colour, ca colour[], pr pair, pra pair[], ps positive, sp spans,
  lsn pg_lsn, o oid, rc regclass, sn txid_snapshot,
  g int generated always as (i * 2) stored, de text default 'a ''default'''
);
insert into everything (s,i,b,n,nn,r,d,m,t,v,c,nm,by,ch,bo,da,ti,tz,ts,tstz,iv,u,j,jb,x,bi,vb,ip,ci,mac,mac8,po,li,ls,bx,pa,pg,cr,tv,tq,ir,br,nr,dr,mr,ia,ta,iaa,co,ca,pr,pra,ps,sp,lsn,o,sn) values
 (1,2,3,'NaN',1.5,'Infinity',1e-300,'12.34',E'tab\there, newline\nhere, backslash\\ ünïcødé 😀 '' " $$ ;--','varchar','ch','name','\x00ff0a5c27','c',true,'2024-02-29','23:59:59.999999','12:00+05:30','infinity','2024-01-01 00:00+00','1 year 2 mons -3 days 04:05:06.7','a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11','{"a": [1, 2.50,"x"]}','{"b":null}','<a b="c">d</a>','10101','111','192.168.0.1/24','10.0.0.0/8','08:00:2b:01:02:03','08:00:2b:01:02:03:04:05','(1,2)','{1,2,3}','[(0,0),(1,1)]','(1,1),(0,0)','((0,0),(1,1),(2,0))','((0,0),(1,1),(2,0))','<(0,0),5>','a fat cat:3A','fat & !cat','[1,5)','(,9]','[1.5,2.5]','[2024-01-01,)','{[1,3),[5,9)}','{1,null,3}','{"a b","c\"d",null,""}','{{1,2},{3,4}}','it''s green','{red,blue}','(1,"x y")','{"(1,a)","(2,)"}',7,'[1.5,2)','16/B374D848',42,'10:20:10,14,15');
insert into everything (t) values (null), (''), ('\N'), (repeat('long ', 20000)), ('-- comment'), ('\.');
insert into everything (i, by) select i, decode(repeat(md5(i::text), 40), 'hex') from generate_series(1, 300) i;
create table measured (at date not null, value int) partition by range (at);
create table measured_2023 partition of measured for values from ('2023-01-01') to ('2024-01-01');
create table measured_2024 partition of measured for values from ('2024-01-01') to ('2025-01-01') partition by list (value);
create table measured_2024_odd partition of measured_2024 for values in (1, 3, 5);
create table measured_2024_rest partition of measured_2024 default;
insert into measured select date '2023-06-01' + i, i % 7 from generate_series(1, 500) i;
create table "Odd Name" ("a column" text, "select" int, check ("select" <> 13));
insert into "Odd Name" values ('x', 1), ('y', 2);
create table parent (id int primary key); create table child (more text) inherits (parent);
insert into child values (1, 'one'), (2, 'two');
create table no_columns (); insert into no_columns default values;
create unlogged table quick (i int);
create sequence other.counter increment 5 start 100 minvalue 10 cycle;
select nextval('other.counter'), nextval('other.counter');
create table points_at (id int references people (id) on delete cascade deferrable initially deferred, note text default 'n');
insert into points_at values (1), (2); set constraints all immediate;
create materialized view summed as select person, count(*) from orders group by person with data;
create recursive view up_to_ten (n) as values (1) union all select n + 1 from up_to_ten where n < 10;
create view with_options with (security_barrier) as select id from people where name like '%1%' with local check option;
create function other.tells() returns trigger language plpgsql as $fn$begin new.note := coalesce(new.note, 'a $$ in it'); return new; end$fn$;
create trigger tells before insert on points_at for each row when (new.id > 0) execute function other.tells();
create function many(out a int, out b text, variadic v int[]) returns setof record language sql stable parallel safe cost 5 as 'select x, x::text from unnest(v) x';
create procedure doing(inout a int) language plpgsql as $$begin a := a + 1; end$$;
create aggregate longest (text) (sfunc = textcat, stype = text, initcond = '');
create operator === (leftarg = int, rightarg = int, function = int4eq, commutator = ===);
create cast (pair as text) with inout as assignment;
create index on people (lower(name)) where points > 10; create index on everything using gin (jb); create index on everything using gist (ir);
create unique index on orders (person, what) include (at);
create statistics both_of on person, what from orders;
create rule quiet as on insert to "Odd Name" where new."select" = 99 do instead nothing;
alter table points_at enable row level security; create policy mine on points_at for select to plain using (note = current_user);
alter table people alter column name set statistics 200; alter table people cluster on people_pkey;
create publication wire_pub for table people, orders;
grant select (id, name) on people to plain with grant option; grant execute on function twice(int) to plain;
alter default privileges grant select on tables to plain;
comment on table people is 'people; -- ''quoted''
over two lines'; comment on column people.name is 'ä'; comment on function twice(int) is 'doubles';
select lo_create(5000 + i), lo_put(5000 + i, 0, decode(repeat(md5(i::text), 1 + i * 300), 'hex')) from generate_series(1, 8) i;
comment on large object 5001 is 'the first'; grant select on large object 5001 to plain;
select count(*) from (select lo_from_bytea(6000, decode(repeat('00ff5c', 50000), 'hex'))) x;

-- What every database under test begins with.
create table people (id int primary key, name text not null, email text unique, born date, points numeric(10,2) default 0, note text);
insert into people select i, 'person ' || i, 'p' || i || '@example.com', date '1970-01-01' + i, i * 1.5, null from generate_series(1, 100) i;
create table orders (id serial primary key, person int not null references people, what text not null, at timestamptz not null default '2024-01-01 00:00:00+00');
insert into orders (person, what) select 1 + i % 100, 'thing ' || i from generate_series(0, 299) i;
create table copied (id int, text text, bytes bytea);
create view rich as select id, name, points from people where points > 100;
create function twice(i int) returns int language sql immutable as 'select $1 * 2';
create function noisy(word text) returns text language plpgsql as
  $$begin raise notice 'noisy says %', word; raise warning 'and warns of it' using hint = 'do not', detail = 'a detail'; return upper(word); end$$;
create function broken() returns int language plpgsql as
  $$begin raise exception 'broken by design' using errcode = 'P0042', hint = 'a hint', detail = 'a detail', column = 'c', constraint = 'k', table = 'people'; end$$;
create procedure ends() language plpgsql as $$begin commit; rollback; end$$;
create type mood as enum ('sad', 'ok', 'happy');
create table moods (id int primary key, mood mood, tags text[]);
insert into moods values (1, 'sad', '{a,b}'), (2, 'happy', '{}'), (3, null, null);
grant select, insert, update, delete on all tables in schema public to plain;
grant usage, select on all sequences in schema public to plain;
select lo_create(4242), lo_put(4242, 0, 'a large object of the fixtures');

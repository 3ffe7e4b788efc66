-- Everything of a database that can be told from another one, a line each. Not told: the last values of
-- sequences (the consumer sets them itself), identifiers, and where on the disk a row lies.
CREATE FUNCTION pg_temp.state() RETURNS SETOF text LANGUAGE plpgsql AS $state$
DECLARE
    relation record;
BEGIN
    RETURN QUERY SELECT format('schema %I owner %s acl %s: %s', nspname, nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace'))
        FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema';

    RETURN QUERY SELECT format('relation %s kind %s%s owner %s acl %s of %s am %s space %s with %s rows secured %s%s identity %s key %s bound %s: %s',
            c.oid::regclass, relkind, relpersistence, relowner::regrole, relacl, NULLIF(reloftype, 0)::regtype, a.amname, s.spcname,
            reloptions, relrowsecurity, relforcerowsecurity, relreplident,
            CASE WHEN relkind = 'p' THEN pg_get_partkeydef(c.oid) END, pg_get_expr(relpartbound, c.oid), obj_description(c.oid, 'pg_class'))
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace LEFT JOIN pg_am a ON a.oid = relam
        LEFT JOIN pg_tablespace s ON s.oid = reltablespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema';

    RETURN QUERY SELECT format('column %s %s %I %s null %s default %s identity %s generated %s collation %s storage %s%s inherited %s%s acl %s with %s: %s',
            attrelid::regclass, row_number() OVER (PARTITION BY attrelid ORDER BY attnum), attname, format_type(atttypid, atttypmod),
            NOT attnotnull, pg_get_expr(adbin, adrelid), attidentity, attgenerated, NULLIF(attcollation, 0)::regcollation,
            attstorage, attcompression, attislocal, attinhcount, attacl, attoptions, col_description(attrelid, attnum))
        FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
        LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND attnum > 0 AND NOT attisdropped AND relkind <> 'i' AND relkind <> 'I';

    RETURN QUERY SELECT format('inherits %s %s %s', inhrelid::regclass, inhseqno, inhparent::regclass) FROM pg_inherits;

    RETURN QUERY SELECT format('constraint %I on %s %s: %s valid %s inherited %s%s: %s', conname, NULLIF(conrelid, 0)::regclass, NULLIF(contypid, 0)::regtype,
            pg_get_constraintdef(k.oid), convalidated, conislocal, coninhcount, obj_description(k.oid, 'pg_constraint'))
        FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema';

    RETURN QUERY SELECT format('index %s valid %s clustered %s identity %s', pg_get_indexdef(indexrelid), indisvalid, indisclustered, indisreplident)
        FROM pg_index JOIN pg_class c ON c.oid = indrelid JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema';

    RETURN QUERY SELECT format('trigger %s enabled %s: %s', pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger'))
        FROM pg_trigger WHERE NOT tgisinternal;

    RETURN QUERY SELECT format('rule on %s enabled %s: %s', ev_class::regclass, ev_enabled, pg_get_ruledef(r.oid))
        FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema';

    RETURN QUERY SELECT format('type %s kind %s owner %s acl %s base %s null %s default %s labels %s: %s', t.oid::regtype, typtype, typowner::regrole, typacl,
            format_type(NULLIF(typbasetype, 0), typtypmod), NOT typnotnull, typdefault,
            (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), obj_description(t.oid, 'pg_type'))
        FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND typelem = 0;

    RETURN QUERY SELECT format('function %s owner %s acl %s: %s: %s', p.oid::regprocedure, proowner::regrole, proacl,
            CASE WHEN prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) END, obj_description(p.oid, 'pg_proc'))
        FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema';

    RETURN QUERY SELECT format('sequence %s %s from %s by %s in %s to %s cache %s cycle %s owned by %s', seqrelid::regclass, seqtypid::regtype, seqstart, seqincrement,
            seqmin, seqmax, seqcache, seqcycle,
            (SELECT format('%s %s %s', refobjid::regclass, attname, deptype) FROM pg_depend JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
             WHERE objid = seqrelid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND refobjsubid > 0))
        FROM pg_sequence;

    RETURN QUERY SELECT format('policy %I on %s %s %s to %s using %s check %s', polname, polrelid::regclass, polcmd, polpermissive, polroles::regrole[],
            pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy;
    RETURN QUERY SELECT format('statistics %s', pg_get_statisticsobjdef(oid)) FROM pg_statistic_ext;
    RETURN QUERY SELECT format('default acl %s in %s for %s: %s', defaclrole::regrole, NULLIF(defaclnamespace, 0)::regnamespace, defaclobjtype, defaclacl)
        FROM pg_default_acl;
    RETURN QUERY SELECT format('large object %s: %s', oid, lo_get(oid)) FROM pg_largeobject_metadata;

    FOR relation IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'm')
    LOOP
        RETURN QUERY EXECUTE format('SELECT %L || "~"::text FROM ONLY %s "~"', 'row of ' || relation.name || ': ', relation.name);
    END LOOP;
END $state$;

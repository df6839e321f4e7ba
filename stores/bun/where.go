package bunstore

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// Columns says in which column of the host's is what a [policy.Condition] calls by
// the name of a field: "id", "tenant", "owner", and those of the Attrs that policies
// look at. A column may be qualified, "p.author_id". The names are the host's own,
// never those of a request.
type Columns map[string]string

// Where restricts a query to the rows that meet the condition, beside what else the
// query wants:
//
//	readable, err := policy.Filter(ctx, m, "posts:read", "post")
//	…
//	err = db.NewSelect().Model(&posts).
//		ApplyQueryBuilder(bunstore.Where(readable, bunstore.Columns{"id": "id", "owner": "author_id"})).
//		Where("published").Order("id DESC").Limit(20).Scan(ctx)
//
// It is for SELECT, UPDATE and DELETE, in a database with any of the dialects that
// [New] takes; the tables are the host's. The rows are those whose objects the
// condition's Matches is true for, if the columns hold what the objects do:
//
//   - Strings are compared byte for byte, whatever the column's collation says of case,
//     accents and trailing space, and an index over the column is used. Columns of text
//     are in UTF-8 (MySQL: utf8mb4, ascii or VARBINARY), and not BYTEA.
//   - A string is compared with a column of numbers, or of UUIDs, by what the database
//     writes for it: the object "17" is in the row 17, and "017" is in none. PostgreSQL
//     fails if a string cannot be of the column's type.
//   - A bool is compared with TRUE and FALSE, in SQLite and MySQL 1 and 0.
//   - NULL is met by nothing but [policy.All].
//
// What is malformed (an Op that is none, In without values, And or Or of less than two)
// is met by nothing. Errors are those of the query: Scan and Exec return them and do
// nothing. A field that columns does not have is one, even if another condition
// decides; so is a value that is no string, bool or int64, and a condition of over
// 10,000 values or 1,000 conditions, or 20 deep: ask [policy.Select] then.
//
// WhereOr in the same group of conditions would let through what the condition does
// not, and is an error too: it belongs in a WhereGroup. Where looks for it, but in
// clones of the query. All adds nothing to an UPDATE or DELETE, which Bun refuses
// without any WHERE.
func Where(c policy.Condition, columns Columns) func(bun.QueryBuilder) bun.QueryBuilder {
	return func(q bun.QueryBuilder) bun.QueryBuilder {
		query := q.Unwrap()
		text, all, err := whereText(query, c, columns)
		if err == nil {
			err = loneWhere(query, true)
		}
		if err != nil {
			fail(query, fmt.Errorf("bunstore: where: %w", err))
			return q.Where("1 = 0")
		}
		if _, sel := query.(*bun.SelectQuery); all && !sel {
			return q
		}
		return q.Where("?", restriction(func(b []byte) ([]byte, error) {
			if err := loneWhere(query, false); err != nil {
				return nil, fmt.Errorf("bunstore: where: %w", err) // which Bun writes as no SQL
			}
			return append(b, text...), nil
		}))
	}
}

// whereText returns c in the SQL of the query's database, and whether every row meets
// it.
func whereText(query any, c policy.Condition, columns Columns) (text string, all bool, err error) {
	q, ok := query.(interface{ DB() *bun.DB })
	if !ok || q.DB() == nil {
		return "", false, errors.New("the query has no database")
	}
	b, err := backendOf(q.DB())
	if err != nil {
		return "", false, err
	}
	w := &conditionWriter{backend: b, columns: columns}
	text, m := w.write(c, 1)
	if err := errors.Join(w.errs...); err != nil {
		return "", false, err
	}
	switch m {
	case metByNone:
		text = "1 = 0"
	case metByAll:
		text = "1 = 1"
	}
	return text, m == metByAll, nil
}

func fail(query any, err error) {
	switch q := query.(type) {
	case *bun.SelectQuery:
		q.Err(err)
	case *bun.UpdateQuery:
		q.Err(err)
	case *bun.DeleteQuery:
		q.Err(err)
	}
}

// A restriction is what Where adds to a query.
type restriction func(b []byte) ([]byte, error)

var _ schema.QueryAppender = restriction(nil)

// AppendQuery implements [schema.QueryAppender].
func (r restriction) AppendQuery(_ schema.QueryGen, b []byte) ([]byte, error) { return r(b) }

var errBesideOr = errors.New("a WhereOr beside it would let more through, put what is ORed into a WhereGroup")

// loneWhere is an error if a restriction of the query has an OR beside it: AND binds
// before OR, so that it would restrict one side only. Bun does not show the conditions
// of a query, so they are read where it keeps them. What begins is the group that a
// restriction is about to be added to.
func loneWhere(query any, begins bool) error {
	list := reflect.Indirect(reflect.ValueOf(query)).FieldByName("where")
	if list.Kind() != reflect.Slice {
		return nil
	}
	type group struct{ or, restricted bool }
	groups := []group{{}}
	for i := range list.Len() {
		q, sep := list.Index(i).FieldByName("Query"), list.Index(i).FieldByName("Sep")
		args := list.Index(i).FieldByName("Args")
		if q.Kind() != reflect.String || sep.Kind() != reflect.String || args.Kind() != reflect.Slice {
			return nil
		}
		g := &groups[len(groups)-1]
		switch {
		case q.String() == "" && sep.String() == "(":
			groups = append(groups, group{})
			continue
		case q.String() == "" && sep.String() == ")":
			if g.or && g.restricted {
				return errBesideOr
			}
			groups = groups[:max(len(groups)-1, 1)]
			continue
		}
		// The first of a group has its separator in front of the group.
		g.or = g.or || strings.Contains(strings.ToUpper(sep.String()), "OR") && i > 0
		g.restricted = g.restricted || args.Len() == 1 && args.Index(0).Elem().IsValid() && args.Index(0).Elem().Type() == reflect.TypeFor[restriction]()
	}
	if g := groups[len(groups)-1]; g.or && (g.restricted || begins) {
		return errBesideOr
	}
	return nil
}

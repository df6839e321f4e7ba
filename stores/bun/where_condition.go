package bunstore

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun/dialect"

	"github.com/gatehouse-go/gatehouse/auth/policy"
)

const (
	// Of one Where. Databases plan a list of values in no time, and take seconds for
	// some thousand conditions.
	mostValues        = 10_000
	mostConditions    = 1000
	deepestConditions = 20
)

// met says what is known of a condition without looking at rows.
type met int

const (
	metByNone met = iota
	metBySome
	metByAll
)

// A conditionWriter writes conditions as SQL and collects what is wrong with them.
type conditionWriter struct {
	backend backend
	columns Columns
	errs    []error

	values, conditions int // so far
}

func (w *conditionWriter) wrong(format string, args ...any) {
	if len(w.errs) < 10 {
		w.errs = append(w.errs, fmt.Errorf(format, args...))
	}
}

// write returns the text of c, if it is met by some.
func (w *conditionWriter) write(c policy.Condition, depth int) (string, met) {
	w.conditions++
	w.values += len(c.Values)
	switch {
	case w.conditions > mostConditions, w.values > mostValues:
		if len(w.errs) == 0 {
			w.wrong("over %d conditions or %d values", mostConditions, mostValues)
		}
		return "", metByNone
	case depth > deepestConditions:
		w.wrong("a condition that is over %d deep", deepestConditions)
		return "", metByNone
	}
	switch c.Op {
	case policy.OpAll:
		return "", metByAll
	case policy.OpIn:
		return w.in(c)
	case policy.OpAnd:
		return w.join(c.Of, " AND ", metByAll, metByNone, depth)
	case policy.OpOr:
		return w.join(c.Of, " OR ", metByNone, metByAll, depth)
	}
	return "", metByNone
}

// join writes all in of: also those that no longer matter, for their errors.
func (w *conditionWriter) join(of []policy.Condition, sep string, nothing, decides met, depth int) (string, met) {
	result := nothing
	var parts []string
	for _, c := range of {
		text, m := w.write(c, depth+1)
		switch {
		case m == decides:
			result = decides
		case m == metBySome:
			parts = append(parts, text)
		}
	}
	switch {
	case len(of) < 2:
		return "", metByNone
	case result == decides || len(parts) == 0:
		return "", result
	}
	return joined(parts, sep), metBySome
}

// joined puts parts together as a tree that is not deep: SQLite takes each OR of a
// long row of them for one level more, of at most a thousand.
func joined(parts []string, sep string) string {
	const inARow = 16
	switch n := len(parts); {
	case n == 1:
		return parts[0]
	case n <= inARow:
		return "(" + strings.Join(parts, sep) + ")"
	default:
		return "(" + joined(parts[:n/2], sep) + sep + joined(parts[n/2:], sep) + ")"
	}
}

// in writes that a column has one of the values.
func (w *conditionWriter) in(c policy.Condition) (string, met) {
	column, ok := w.columns[c.Field]
	if !ok || column == "" {
		w.wrong("no column for the field %q", c.Field)
		return "", metByNone
	}
	var texts []string
	var numbers []int64
	var bools [2]bool
	for _, v := range c.Values {
		switch v := v.(type) {
		case string:
			// No text in a database has another: it could but be cut off.
			if utf8.ValidString(v) && !strings.Contains(v, "\x00") {
				texts = append(texts, v)
			}
		case int64:
			numbers = append(numbers, v)
		case bool:
			bools[flag(v)] = true
		default:
			w.wrong("the field %q is compared with a %T; want a string, bool or int64", c.Field, v)
		}
	}
	switch c.Field {
	case "id", "tenant", "owner": // strings, of every object
		numbers, bools = nil, [2]bool{}
	}
	col := w.ident(column)
	var parts []string
	if len(texts) > 0 {
		parts = append(parts, w.oneOfTexts(col, texts))
	}
	if len(numbers) > 0 {
		parts = append(parts, w.oneOfNumbers(col, numbers))
	}
	if bools[0] || bools[1] {
		parts = append(parts, w.oneOfBools(col, bools))
	}
	if len(parts) == 0 {
		return "", metByNone
	}
	return joined(parts, " OR "), metBySome
}

// ident writes the name of a column. SQLite takes one in double quotes for a string
// if there is no such column.
func (w *conditionWriter) ident(column string) string {
	quote := byte('"')
	if !w.backend.dollars {
		quote = '`'
	}
	return string(dialect.AppendIdent(nil, column, quote))
}

// oneOfTexts compares twice. By the first, the database finds the rows: by an index
// over the column, in the column's type and collation, for which Ada may be ada, and
// 17abc be 17. The second keeps those that have the very bytes.
func (w *conditionWriter) oneOfTexts(col string, texts []string) string {
	exactly := "CAST(" + col + " AS TEXT) COLLATE BINARY"
	switch {
	case w.backend.mysql:
		exactly = "CAST(" + col + " AS BINARY)"
	case w.backend.dollars:
		exactly = "CAST(" + col + ` AS TEXT) COLLATE "C"`
	}
	bytes := w.text
	if w.backend.mysql {
		bytes = hexText
	}
	return "(" + oneOf(col, texts, w.text) + " AND " + oneOf(exactly, texts, bytes) + ")"
}

// oneOfNumbers lets no text be met that merely begins with the number.
func (w *conditionWriter) oneOfNumbers(col string, numbers []int64) string {
	decimal := func(n int64) string { return strconv.FormatInt(n, 10) }
	some := oneOf(col, numbers, decimal)
	switch {
	case w.backend.dollars: // which compares no text with a number
		return some
	case w.backend.mysql:
		return "(" + some + " AND " + oneOf("CAST("+col+" AS BINARY)", numbers, func(n int64) string { return hexText(decimal(n)) }) + ")"
	}
	return "(" + some + " AND typeof(" + col + ") = 'integer')"
}

func (w *conditionWriter) oneOfBools(col string, bools [2]bool) string {
	var list []int64
	for i, wanted := range bools {
		if wanted {
			list = append(list, int64(i))
		}
	}
	if w.backend.dollars {
		return oneOf(col, list, func(n int64) string { return [...]string{"FALSE", "TRUE"}[n] })
	}
	return w.oneOfNumbers(col, list)
}

func oneOf[T any](col string, values []T, write func(T) string) string {
	if len(values) == 1 {
		return col + " = " + write(values[0])
	}
	var b strings.Builder
	b.WriteString(col + " IN (")
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(write(v))
	}
	b.WriteString(")")
	return b.String()
}

// text writes s, which is valid UTF-8 without NUL, so that no setting of a
// connection or a server matters: not whether a backslash is one, and not in which
// character set it speaks.
func (w *conditionWriter) text(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] != '\\' && (s[i] < utf8.RuneSelf || !w.backend.mysql)
	}
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	switch {
	case plain || w.backend.name == "sqlite":
		return quoted
	case w.backend.mysql:
		return "_utf8mb4 " + hexText(s)
	}
	return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
}

func hexText(s string) string { return "X'" + hex.EncodeToString([]byte(s)) + "'" }

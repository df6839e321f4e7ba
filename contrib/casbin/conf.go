package casbinauthz

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// sections are those of a model, by what the names of their definitions begin with.
// There is none with constraints: Casbin checks them when a policy is changed, and not
// when one is read.
var sections = map[string]string{
	"request_definition": "r",
	"policy_definition":  "p",
	"role_definition":    "g",
	"policy_effect":      "e",
	"matchers":           "m",
}

var defined = regexp.MustCompile(`^([rpgem])([2-9]|[1-9][0-9]+)?$`)

// checkConf reads a model line by line, as Casbin does, and says what Casbin would pass
// over in silence: what is in no section that it knows, what is none of the section's
// definitions, such as the second line of a matcher whose first does not end in \,
// and a definition that another one replaces. It returns the definitions as they are
// written.
func checkConf(name, text string) (map[string]string, error) {
	var errs []error
	bad := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("casbinauthz: %s:%d: "+format, append([]any{name, line}, args...)...))
	}
	section, definition, begins := "", "", 0
	seen := map[string]int{}
	written := map[string]string{}
	end := func() {
		if definition == "" {
			return
		}
		option, value, _ := strings.Cut(definition, "=")
		option = strings.TrimSpace(option)
		definition = ""
		m := defined.FindStringSubmatch(option)
		switch {
		case sections[section] == "": // is said where it begins
		case m == nil || m[1] != sections[section]:
			bad(begins, "%q is no definition of [%s], and does not count: let the line before end in \\, without a comment between them, if it goes on here", option, section)
		case seen[option] > 0:
			bad(begins, "%s is in line %d already, which would not count any more", option, seen[option])
		default:
			seen[option], written[option] = begins, strings.TrimSpace(value)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			end()
		case line[0] == '[' && line[len(line)-1] == ']':
			end()
			if section = line[1 : len(line)-1]; sections[section] == "" {
				bad(i+1, "[%s] is no section that counts when a policy is read", section)
			}
		default:
			if definition == "" {
				begins = i + 1
			}
			more, goesOn := strings.CutSuffix(line, `\`)
			if at := strings.IndexAny(more, "#;"); at >= 0 {
				more = more[:at]
			}
			definition += more + " "
			if !goesOn {
				end()
			}
		}
	}
	end()
	return written, errors.Join(errs...)
}

var literal = regexp.MustCompile(`'[^']*'|"[^"]*"`)

// sameLiterals says which text in quotes Casbin has made another one of: in every matcher
// with the letters "in" it replaces brackets, r. and p. behind a space anywhere, and takes
// the bytes of what is beyond ASCII for letters.
func sameLiterals(written, read string) error {
	before, after := literal.FindAllString(written, -1), literal.FindAllString(read, -1)
	for i, text := range before {
		if i >= len(after) || after[i] != text {
			return fmt.Errorf("%s would be something else to Casbin: have it in a column or an attribute, without brackets, letters beyond ASCII, or r. and p. behind a space", text)
		}
	}
	return nil
}

package pages

import (
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Problem is what was wrong, in words.
type Problem struct {
	Text  string
	Retry string // when to try again, or ""
	Field *Field // the field it is about, whose Error says it too; or nil
}

func (p *Pages) problem(page *auth.Page, forms []Form) *Problem {
	if page.Problem == nil {
		return nil
	}
	out := &Problem{Text: p.problemText(page.Problem), Retry: p.retry(page.Problem.RetryAfter)}
	for i := range forms {
		for j := range forms[i].Fields {
			if f := &forms[i].Fields[j]; f.Error != "" {
				out.Field = f
			}
		}
	}
	return out
}

func (p *Pages) problemText(problem *auth.Problem) string {
	id := "problem." + problem.Code
	if s := p.texts.find(problem.Detail, id+"."+problem.Field, id); s != "" {
		return s
	}
	return p.texts.text("problem")
}

func (p *Pages) retry(after time.Duration) string {
	switch minutes := int((after + time.Minute - 1) / time.Minute); {
	case after <= 15*time.Second: // too soon to tell anybody
		return ""
	case minutes == 1:
		return p.texts.text("problem.minute")
	default:
		return p.texts.text("problem.minutes", "n", minutes)
	}
}

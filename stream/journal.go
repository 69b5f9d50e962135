package stream

import (
	"errors"
	"fmt"
)

// journal writes down what a viewer did, or was kept from doing, that others have to
// live with.
func (v *viewer) journal(action string, what any, err error) {
	outcome := "done"
	if err != nil {
		outcome = cleanText(err.Error())
	}
	token := ""
	if v.who.Token != nil {
		token = v.who.Token.ID
	}
	journal := v.server.options.Journal
	if errors.As(err, new(*forbiddenError)) {
		journal = v.server.forbidden
	}
	journal.Info(action, "name", v.who.Name, "role", v.who.Role.String(), "token", token,
		"remote", v.who.From, "session", v.session, "what", cleanText(fmt.Sprint(what)), "outcome", outcome)
}

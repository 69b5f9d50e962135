package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/spf13/pflag"
)

// The configuration file is TOML: a key for each flag by its long name, and no other.
// What may stand there, and what it may be, the flags themselves say.

// maxConfig bounds the file, in bytes.
const maxConfig = 1 << 20

// A said is a setting as a file says it.
type said struct {
	name  string
	value any    // as toml.Unmarshal makes it
	place string // FILE:LINE
}

// readConfig reads the file of --config. Only one that nobody asked for may be missing, or
// out of sight, as a service's home is.
func (o *options) readConfig() ([]said, error) {
	if o.config == "" || o.config == noFile {
		return nil, nil
	}
	_, err := os.Stat(o.config)
	if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) && !o.typed("config") {
		return nil, nil
	}
	f, err := os.Open(o.config)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("%s has more than %d bytes", o.config, maxConfig)
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	file, err := parseConfig(o.config, text)
	if err != nil {
		return nil, &usageError{err}
	}
	return file, nil
}

// parseConfig reads the settings in a file, in its order, and tries each of them.
func parseConfig(path string, text []byte) ([]said, error) {
	values := map[string]any{}
	if err := toml.Unmarshal(text, &values); err != nil {
		var at *toml.DecodeError
		line := 1
		if errors.As(err, &at) {
			line, _ = at.Position()
		}
		return nil, fmt.Errorf("%s:%d: %s", path, line, strings.TrimPrefix(err.Error(), "toml: "))
	}
	trial := newOptions()
	var file []said
	var p unstable.Parser
	for p.Reset(text); p.NextExpression(); {
		e := p.Expression()
		key := e.Key()
		if !key.Next() {
			continue // a comment
		}
		s := said{name: string(key.Node().Data), place: fmt.Sprintf("%s:%d", path, p.Shape(key.Node().Raw).Start.Line)}
		s.value = values[s.name]
		err := trial.allow(s.name)
		if err == nil && (e.Kind != unstable.KeyValue || key.Next()) {
			err = errors.New("settings stand by themselves, without tables")
		}
		if err == nil {
			err = put(trial.flag(s.name).Value, s.value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", s.place, strconv.Quote(s.name), err)
		}
		file = append(file, s)
	}
	return file, nil
}

// allow says why name cannot stand in a file, or nothing.
func (o *options) allow(name string) error {
	f := o.flag(name)
	switch {
	case f == nil && strings.Contains(name, "token"):
		return errors.New("secrets are not kept here: use token-file, or ARGOS_TOKEN")
	case f == nil:
		return errors.New("there is no such setting: argos-tui --default-config lists all")
	case !inFile(f):
		return errors.New("is for the command line alone")
	default:
		return nil
	}
}

// inFile reports whether a flag may stand in a file.
func inFile(f *pflag.Flag) bool {
	_, typed := f.Annotations[typedOnly]
	return !typed
}

// put gives a flag the value that stands in a file. Yes and no are true and false, lists
// are lists, and all other values are written as on the command line, numbers bare if
// one likes.
func put(flag pflag.Value, value any) error {
	if list, ok := flag.(pflag.SliceValue); ok {
		texts, ok := textsOf(value)
		if !ok {
			return errors.New(`use a list of texts, such as ["127.0.0.1"]`)
		}
		return list.Replace(texts)
	}
	text, quoted := value.(string)
	switch v := value.(type) {
	case string:
	case bool:
		text = strconv.FormatBool(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return errors.New("use a text in quotes")
	}
	switch _, boolean := value.(bool); {
	case flag.Type() == "bool" && !boolean:
		return errors.New("use true or false")
	case flag.Type() == "string" && !quoted:
		return errors.New("use a text in quotes")
	case text == "" && flag.String() == "":
		return nil // as it is
	}
	return flag.Set(text)
}

func textsOf(value any) ([]string, bool) {
	list, ok := value.([]any)
	texts := make([]string, len(list))
	for i := range list {
		if texts[i], ok = list[i].(string); !ok {
			return nil, false
		}
	}
	return texts, ok
}

// chooseMode takes from the file what the program is to do where the command line does
// not say it. What is said there of a radio or a server here is not about another's.
func (o *options) chooseMode(file []said) error {
	here := o.typed("device", "speed", "no-loop", "listen") || o.guards()
	may := map[string]bool{
		"serve":   !o.typed("serve", "connect", "json", "plain", "once"),
		"connect": !o.typed("serve", "connect", "once") && !here,
	}
	mode := ""
	for _, s := range file {
		if !may[s.name] {
			continue
		}
		o.take(s)
		if o.serve && o.connect != "" {
			return &usageError{fmt.Errorf("%s: %q: %s stands there, too: use one of them", s.place, s.name, mode)}
		}
		mode = s.name
	}
	return nil
}

// keep takes from the file what the command line does not say. Where a recording lies is
// not said by a file that does not name it.
func (o *options) keep(file []said) {
	recording := o.typed("device") && strings.HasPrefix(o.device, "replay:")
	for _, s := range file {
		switch {
		case s.name == "serve" || s.name == "connect" || o.typed(s.name):
		case recording && (s.name == "freq" || s.name == "span" || s.name == "range" || s.name == "rate"):
		default:
			o.take(s)
		}
	}
}

// take takes over a setting that parseConfig found good.
func (o *options) take(s said) {
	f := o.flag(s.name)
	value := f.Value
	if t, ok := value.(*tuningFlag); ok {
		value = &tuningFlag{param: t.param, into: o.base}
	}
	_ = put(value, s.value)
	o.kept[s.name] = s.place
}

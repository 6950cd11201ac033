package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// commands is the grammar: kong makes flags, help and the reference page of it.
type commands struct {
	globals

	Run   runCommand   `cmd:"" group:"start" help:"Protect a backend."`
	Demo  demoCommand  `cmd:"" group:"start" help:"A vulnerable shop behind the gate, and bare; --attack tries everything on both."`
	Init  initCommand  `cmd:"" group:"start" help:"Write a commented gatehouse.yaml."`
	Check checkCommand `cmd:"" group:"start" help:"Check a configuration: every error at once, and facts about this machine."`

	Layers  layersCommand  `cmd:"" group:"look" help:"The ladder as configured: what each rung stops, its mode, its hits, and every bypass."`
	Report  reportCommand  `cmd:"" group:"look" help:"What was, and what would have been refused, by rule."`
	Explain explainCommand `cmd:"" group:"look" help:"One decision in words."`
	Events  eventsCommand  `cmd:"" group:"look" help:"The security log."`

	Allow   allowCommand   `cmd:"" group:"decide" help:"Print the smallest entry that lets one refused request pass."`
	Suggest suggestCommand `cmd:"" group:"decide" help:"Print a proposal from what was observed; it is never applied by itself."`
	Promote promoteCommand `cmd:"" group:"decide" help:"Print the line that changes a rung's mode, with what it would have refused."`
	Bans    bansCommand    `cmd:"" group:"decide" help:"Banned addresses."`

	Trust   trustCommand   `cmd:"" group:"machine" help:"Make this machine's browsers trust the gate's local authority."`
	Version versionCommand `cmd:"" group:"machine" help:"The version."`
}

// globals are the flags that every command has.
type globals struct {
	Config   string `short:"c" group:"shared" placeholder:"FILE" help:"The configuration. Without it, gatehouse.yaml in the state folder, if there."`
	State    string `group:"shared" placeholder:"DIR" env:"GATEHOUSE_STATE" help:"The state folder. Default: gatehouse in the XDG state folder."`
	JSON     bool   `name:"json" group:"shared" help:"Print JSON."`
	LogLevel string `group:"shared" enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" help:"What the gate says on standard error: debug, info, warn or error. Default: info."`

	process Process `kong:"-"`
}

// grammar makes the parser of c.
func grammar(c *commands, o ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("gatehouse"),
		kong.Description("A security gate on each side of any backend."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "start", Title: "Set up and start:"},
			{Key: "look", Title: "See what it does:"},
			{Key: "decide", Title: "Decide otherwise:"},
			{Key: "machine", Title: "This machine:"},
			{Key: "shared", Title: "Flags of every command:"},
		}),
	}, o...)...)
}

// cutBackend takes off what stands after --: the command that run starts. It is
// nil where there is no --.
func cutBackend(args []string) (own, backend []string) {
	i := slices.Index(args, "--")
	if i < 0 {
		return args, nil
	}
	return args[:i], append([]string{}, args[i+1:]...)
}

// usageLine says what is wrong with the arguments, and which help tells what is
// right.
func usageLine(err error, parser *kong.Kong) string {
	help := parser.Model.Name + " --help"
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		if node := parse.Context.Selected(); node != nil {
			help = fmt.Sprintf("%s %s --help", parser.Model.Name, node.Path())
		}
	}
	words := oneLine(err)
	if flag, rest, ok := strings.Cut(words, ": expected "); ok && strings.Contains(rest, `"EOL"`) {
		words = flag + " needs a value"
	}
	return words + " (" + help + ")"
}

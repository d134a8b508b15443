package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	core "github.com/activity-core/activity-core"
)

// number is a flag that is a number. It is read as numbers everywhere are: 010 and 0x10 are
// refused, which pflag's own flags read as 8 and 16.
type number[T int | float64] struct{ to *T }

// numberVar adds a flag that is a number.
func numberVar[T int | float64](f *pflag.FlagSet, to *T, name string, def T, usage string) {
	*to = def
	f.Var(number[T]{to}, name, usage)
}

func (n number[T]) String() string {
	if n.to == nil {
		return ""
	}
	return fmt.Sprint(*n.to)
}

func (n number[T]) Type() string {
	if _, whole := any(n.to).(*int); whole {
		return "int"
	}
	return "float64"
}

func (n number[T]) Set(text string) error {
	if err := core.NumberAsTyped(text); err != nil {
		return errors.New("must be a number in plain decimal, such as 10")
	}
	switch p := any(n.to).(type) {
	case *int:
		v, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("must be a whole number, such as 10")
		}
		*p = v
	case *float64:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errors.New("must be a number, such as 0.5")
		}
		*p = v
	}
	return nil
}

#ifndef SANDLOT_STAND_IN_H
#define SANDLOT_STAND_IN_H
/* Sets up one of everything that a program can hold, then answers `ask` for ever: does each still work? */
int keep(void);
/* Prints what `keep` says: a line per thing, `<name> ok` or `<name> <what is wrong>`. */
int ask(void);
#endif

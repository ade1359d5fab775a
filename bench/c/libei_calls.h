/* The operations of libei_calls.c. */

typedef struct {
    const char *name;
    long (*run)(long count);
} call;

/* The last one has no name. */
extern const call calls[];

int calls_init(void);

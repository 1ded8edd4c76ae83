/*
 * dialects.h: what others call the tensors of a ViT, and what has to be done to each on
 * its way to us. One table per dialect; each row is one array of the file:
 *
 *     their name, ours (timm's), the part of ours that it is, the change that it needs
 *
 * Rows with the same right side are older and newer names of one tensor: a file has one
 * of them. In a block's table the names follow the block's own prefix, in which %d is
 * its number: "encoder.layer.%d." there, "blocks.%d." here.
 */
#pragma once

/* Three dense layers, of queries, of keys and of values, are three parts of our one
 * W_qkv (3D, D) [ViT eq.5]; so are their biases. */
typedef enum { WHOLE, QUERY, KEY, VALUE } Part;

/* transform.h says what each array means. */
typedef enum {
    AS_IS,       /* PyTorch's layers and ours keep a dense layer as (out, in)     */
    TRANSPOSE,   /* JAX keeps it as (in, out), as the papers write it             */
    HEADS_IN,    /* (D, h, D_h): each head's columns apart, also (in, out)        */
    HEADS_OUT,   /* (h, D_h, D): W_O, whose input are the heads                   */
    HEADS_BIAS,  /* (h, D_h): the heads' biases                                   */
    HWIO_TO_OIHW /* (P, P, C, D): the patches' projection, the channel after x, y */
} Change;

typedef struct {
    const char *theirs;
    const char *ours; /* NULL: nothing that we need; `theirs` may end in * then */
    Part part;
    Change change;
} DialectRow;

typedef struct {
    const char *name;
    const char *sign;        /* an array that each file of this dialect has */
    const char *prefixes[6]; /* what may stand before all names */
    const char *blocks[3];   /* what stands before the names of block %d */
    const DialectRow *model; /* up to a row whose `theirs` is NULL */
    const DialectRow *block; /* the same, of one block */
    double epsilon;          /* of its norms, where nothing says another */
} Dialect;

/* Up to one whose name is NULL. */
extern const Dialect dialects[];

/* What models that aren't ours are known by. */
typedef struct {
    const char *word;  /* is in the name of an array */
    const char *means; /* what the model has, and chapter 5's hasn't */
} Foreign;

/* foreign_find: NULL: it isn't known. */
const Foreign *foreign_find(const char *name);

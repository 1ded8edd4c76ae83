#!/usr/bin/env python3
"""make_weights.py: tiny models of others, as the files that others write of them,
and what these models compute, to compare chapter 7's loading with.

    python3 tests/reference/make_weights.py

It needs torch, timm, torchvision, transformers and safetensors. Every model has
random weights from a fixed seed, rounded to the type that its file keeps, and
computes in float64. Each lands in a folder of its own:

    weights/NAME/model.safetensors or model.npz    the weights, in one dialect
    weights/NAME/config.json                       where its library writes one
    weights/NAME/results.safetensors               images, y, logits, A0, A1

y is what the head reads, before a hidden layer of the head; A0 and A1 are the two
blocks' attention weights. The .npz files are written by this script, from timm's
tensors, in the layout of google-research/vision_transformer and big_vision.
"""
import json
import os
import struct

import numpy
import timm
import torch
import torchvision
import transformers
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import nn

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights")
D, HEADS, M, CLASSES, PATCH, SIDE = 12, 3, 20, 5, 4, 12
TYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16",
         torch.bfloat16: "BF16", torch.int64: "I64"}


# ---- files -------------------------------------------------------------------

def write_safetensors(path, tensors, texts):
    """{name: tensor}, each in its own type."""
    header, data = {"__metadata__": texts}, b""
    for name, tensor in tensors.items():
        packed = tensor.detach().contiguous().view(-1).view(torch.uint8)
        packed = packed.numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def folder(name):
    path = os.path.join(HERE, name)
    os.makedirs(path, exist_ok=True)
    return path


def write_results(name, results):
    write_safetensors(os.path.join(folder(name), "results.safetensors"),
                      {key: value.double() for key, value in results.items()},
                      {"made_by": "tests/reference/make_weights.py",
                       "torch": torch.__version__, "timm": timm.__version__,
                       "torchvision": torchvision.__version__,
                       "transformers": transformers.__version__})


def write_model(name, tensors, config=None, kind=torch.float32):
    """The weights; what is no float stays what it is."""
    kept = {key: value.to(kind) if value.is_floating_point() else value
            for key, value in tensors.items()}
    write_safetensors(os.path.join(folder(name), "model.safetensors"), kept,
                      {"format": "pt"})
    if config is not None:
        with open(os.path.join(folder(name), "config.json"), "w",
                  encoding="utf-8") as file:
            json.dump(config, file, indent=2)
            file.write("\n")


# ---- models --------------------------------------------------------------------

def seeded(model, seed, kind=torch.float32):
    """The model with random weights, in double, evaluating."""
    random = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = torch.randn(parameter.shape, generator=random,
                                 dtype=torch.float64) * 0.4
            if "norm" in name and name.endswith("weight") or ".ln" in name and \
                    name.endswith("weight"):
                values += 1
            parameter.copy_(values.to(kind).double())
    return model


def images_of(seed, channels=3, height=SIDE, width=SIDE):
    random = torch.Generator().manual_seed(1000 + seed)
    images = torch.randn(2, channels, height, width, generator=random,
                         dtype=torch.float64)
    return images.float().double()


def timm_results(model, images):
    """y, logits and attention weights of a model of timm's."""
    attention = []

    def keep(_, inputs):
        attention.append(inputs[0].detach())

    for block in model.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_pre_hook(keep)
    with torch.no_grad():
        logits = model(images)
        tokens = model.forward_features(images)
        if isinstance(model, VisionTransformerDistilled):
            y = tokens[:, 0]
        else:
            y = model.forward_head(tokens, pre_logits=True)
    return {"images": images, "y": y, "logits": logits,
            "A0": attention[0], "A1": attention[1]}


def timm_model(seed, kind=torch.float32, maker=VisionTransformer, **more):
    arguments = dict(img_size=SIDE, patch_size=PATCH, embed_dim=D, depth=2,
                     num_heads=HEADS, mlp_ratio=M / D, num_classes=CLASSES)
    arguments.update(more)
    return seeded(maker(**arguments), seed, kind)


def timm_config(**more):
    """What timm writes beside a model on the hub."""
    return dict({"architecture": "vit_tiny_patch4_12", "num_classes": CLASSES,
                 "num_features": D, "global_pool": "token",
                 "model_args": {"num_heads": HEADS},
                 "pretrained_cfg": {"input_size": [3, SIDE, SIDE], "fixed_input_size":
                                    True, "interpolation": "bicubic",
                                    "crop_pct": 0.9}}, **more)


# ---- timm ------------------------------------------------------------------------

def make_timm():
    model = timm_model(1)
    write_model("timm_class", model.state_dict(), timm_config())
    write_results("timm_class", timm_results(model, images_of(1)))

    model = timm_model(2, maker=VisionTransformerDistilled)
    tensors = {"module." + key: value for key, value in model.state_dict().items()}
    write_model("timm_distilled", tensors, timm_config())
    write_results("timm_distilled", timm_results(model, images_of(2)))

    # fc_norm, halves, no biases of q, k, v
    model = timm_model(3, torch.float16, global_pool="avg", qkv_bias=False)
    write_model("timm_fc_norm", model.state_dict(), timm_config(), torch.float16)
    write_results("timm_fc_norm", timm_results(model, images_of(3)))

    # no class token, a rectangle, two channels, a head without bias, two prefixes
    model = timm_model(4, torch.bfloat16, global_pool="avg", class_token=False,
                       fc_norm=False, img_size=(8, 16), in_chans=2)
    model.head = seeded(nn.Linear(D, CLASSES, bias=False), 40, torch.bfloat16)
    tensors = {"_orig_mod.module." + key: value
               for key, value in model.state_dict().items()}
    config = timm_config(global_pool="avg")
    config["pretrained_cfg"]["input_size"] = [2, 8, 16]
    write_model("timm_mean", tensors, config, torch.bfloat16)
    write_results("timm_mean", timm_results(model, images_of(4, 2, 8, 16)))

    # a class token, and the mean of the normed patches, which only config.json tells
    model = timm_model(5, global_pool="avg", fc_norm=False)
    config = timm_config(global_pool="avg")
    write_model("timm_mean_beside_class", model.state_dict(), config)
    write_results("timm_mean_beside_class", timm_results(model, images_of(5)))


# ---- transformers -------------------------------------------------------------------

OLDER = [(".attention.q_proj.", ".attention.attention.query."),
         (".attention.k_proj.", ".attention.attention.key."),
         (".attention.v_proj.", ".attention.attention.value."),
         (".attention.o_proj.", ".attention.output.dense."),
         (".mlp.fc1.", ".intermediate.dense."),
         (".mlp.fc2.", ".output.dense."),
         ("layers.", "encoder.layer.")]


def older(tensors):
    """The names that transformers had before version 5, and still saves."""
    renamed = {}
    for key, value in tensors.items():
        for new, old in OLDER:
            key = key.replace(new, old)
        renamed[key] = value
    return renamed


def softmax_in_double(scores, dim, dtype=None, plain=nn.functional.softmax):
    """transformers asks for float32 here, whatever the model's type is."""
    assert dtype in (None, torch.float32)
    return plain(scores, dim=dim)


def transformers_results(model, images):
    with torch.no_grad():
        made = model(images, output_attentions=True, output_hidden_states=True)
        base = getattr(model, "vit", getattr(model, "deit", model))
        tokens = base.layernorm(made.hidden_states[-1])
        if hasattr(made, "last_hidden_state"):
            tokens = made.last_hidden_state
    results = {"images": images, "y": tokens[:, 0],
               "A0": made.attentions[0], "A1": made.attentions[1]}
    if hasattr(made, "logits"):
        results["logits"] = made.logits
    return results


def make_transformers():
    nn.functional.softmax = softmax_in_double
    sizes = dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=HEADS,
                 intermediate_size=M, image_size=SIDE, patch_size=PATCH,
                 num_labels=CLASSES, attn_implementation="eager")
    cases = [
        ("transformers_vit", transformers.ViTForImageClassification,
         transformers.ViTConfig(layer_norm_eps=1e-3, **sizes), True, ""),
        ("transformers_vit_later_names", transformers.ViTForImageClassification,
         transformers.ViTConfig(**sizes), False, ""),
        ("transformers_vit_no_head", transformers.ViTModel,
         transformers.ViTConfig(**sizes), True, "model."),
        ("transformers_deit", transformers.DeiTForImageClassificationWithTeacher,
         transformers.DeiTConfig(**sizes), True, ""),
        ("transformers_deit_one_head", transformers.DeiTForImageClassification,
         transformers.DeiTConfig(**sizes), False, ""),
    ]
    for seed, (name, maker, config, old, prefix) in enumerate(cases, start=11):
        model = seeded(maker(config), seed)
        tensors = older(model.state_dict()) if old else model.state_dict()
        said = json.loads(config.to_json_string(use_diff=False))
        kept = ["architectures", "hidden_act", "hidden_size", "id2label",
                "image_size", "intermediate_size", "layer_norm_eps", "model_type",
                "num_attention_heads", "num_channels", "num_hidden_layers",
                "patch_size", "qkv_bias"]
        write_model(name, {prefix + key: value for key, value in tensors.items()},
                    {key: said.get(key) for key in kept})
        write_results(name, transformers_results(model, images_of(seed)))


# ---- torchvision ----------------------------------------------------------------------

def torchvision_results(model, images):
    attention = []
    for layer in model.encoder.layers:
        inner = layer.self_attention

        def with_weights(query, key, value, inner=inner, plain=inner.forward, **_):
            made, weights = plain(query, key, value, need_weights=True,
                                  average_attn_weights=False)
            attention.append(weights.detach())
            return made, weights

        inner.forward = with_weights
    with torch.no_grad():
        logits = model(images)
        x = model._process_input(images)
        x = torch.cat([model.class_token.expand(len(x), -1, -1), x], dim=1)
        y = model.encoder(x)[:, 0]
    return {"images": images, "y": y, "logits": logits,
            "A0": attention[0], "A1": attention[1]}


def make_torchvision():
    for seed, name, hidden in ((21, "torchvision", None),
                               (22, "torchvision_older_names", 7)):
        model = seeded(torchvision.models.VisionTransformer(
            image_size=SIDE, patch_size=PATCH, num_layers=2, num_heads=HEADS,
            hidden_dim=D, mlp_dim=M, num_classes=CLASSES,
            representation_size=hidden), seed)
        tensors = model.state_dict()
        if hidden:
            tensors = {"module." + key.replace("mlp.0.", "mlp.linear_1.")
                       .replace("mlp.3.", "mlp.linear_2."): value
                       for key, value in tensors.items()}
        write_model(name, tensors)
        write_results(name, torchvision_results(model, images_of(seed)))


# ---- the authors' .npz -------------------------------------------------------------------

def authors_arrays(model, big_vision):
    """timm's tensors under the authors' names, in their shapes."""
    msa, norm2, mlp = (0, 1, 0) if big_vision else (1, 2, 3)
    t = {key: value.numpy() for key, value in model.state_dict().items()}
    positions = ("pos_embedding" if big_vision
                 else "Transformer/posembed_input/pos_embedding")
    arrays = {positions: t["pos_embed"],
              "embedding/kernel": t["patch_embed.proj.weight"].transpose(2, 3, 1, 0),
              "embedding/bias": t["patch_embed.proj.bias"],
              "Transformer/encoder_norm/scale": t["norm.weight"],
              "Transformer/encoder_norm/bias": t["norm.bias"],
              "head/kernel": t["head.weight"].T, "head/bias": t["head.bias"]}
    if "cls_token" in t:
        arrays["cls"] = t["cls_token"]
    for i in range(2):
        ours, theirs = "blocks.%d." % i, "Transformer/encoderblock_%d/" % i
        for which, number in (("norm1", 0), ("norm2", norm2)):
            arrays[theirs + "LayerNorm_%d/scale" % number] = t[ours + which + ".weight"]
            arrays[theirs + "LayerNorm_%d/bias" % number] = t[ours + which + ".bias"]
        attention = theirs + "MultiHeadDotProductAttention_%d/" % msa
        weights = t[ours + "attn.qkv.weight"].reshape(3, D, D)
        biases = t[ours + "attn.qkv.bias"].reshape(3, D)
        for part, name in enumerate(("query", "key", "value")):
            arrays[attention + name + "/kernel"] = \
                weights[part].T.reshape(D, HEADS, D // HEADS)
            arrays[attention + name + "/bias"] = biases[part].reshape(HEADS, -1)
        arrays[attention + "out/kernel"] = \
            t[ours + "attn.proj.weight"].T.reshape(HEADS, D // HEADS, D)
        arrays[attention + "out/bias"] = t[ours + "attn.proj.bias"]
        for number in (0, 1):
            dense = theirs + "MlpBlock_%d/Dense_%d/" % (mlp, number)
            layer = ours + "mlp.fc%d." % (number + 1)
            arrays[dense + "kernel"] = t[layer + "weight"].T
            arrays[dense + "bias"] = t[layer + "bias"]
    return arrays


def write_npz(name, arrays, prefix="", kind="<f4", **others):
    """In C's order, as jax.numpy's arrays are."""
    made = {}
    for key, value in arrays.items():
        value = numpy.ascontiguousarray(value)
        if kind == "bfloat16":
            value = torch.from_numpy(value).to(torch.bfloat16).contiguous()
            value = value.view(torch.int16).numpy().view("V2")
        else:
            value = value.astype(kind)
        made[prefix + key] = value
    numpy.savez(os.path.join(folder(name), "model.npz"), **made, **others)


def make_authors():
    # pre_logits; and what the optimiser left
    model = timm_model(31)
    hidden = seeded(nn.Linear(D, 8), 310)
    head = seeded(nn.Linear(8, CLASSES), 311)
    results = timm_results(model, images_of(31))
    with torch.no_grad():
        results["logits"] = head(torch.tanh(hidden(results["y"])))
    arrays = authors_arrays(model, False)
    arrays.update({"pre_logits/kernel": hidden.weight.detach().numpy().T,
                   "pre_logits/bias": hidden.bias.detach().numpy(),
                   "head/kernel": head.weight.detach().numpy().T,
                   "head/bias": head.bias.detach().numpy()})
    write_npz("authors", arrays, "opt/target/", **{"opt/state/step":
                                                   numpy.int64(20000)})
    write_results("authors", results)

    model = timm_model(32)
    write_npz("authors_no_prefix", authors_arrays(model, False), kind="<f8")
    write_results("authors_no_prefix", timm_results(model, images_of(32)))

    model = timm_model(33, torch.bfloat16, global_pool="avg", class_token=False,
                       fc_norm=False)
    write_npz("big_vision_mean", authors_arrays(model, True), "params/", "bfloat16")
    write_results("big_vision_mean", timm_results(model, images_of(33)))

    # here the class token has no position
    model = timm_model(34, no_embed_class=True)
    write_npz("big_vision_class", authors_arrays(model, True), "params/")
    write_results("big_vision_class", timm_results(model, images_of(34)))


def main():
    torch.set_num_threads(1)
    make_timm()
    make_transformers()
    make_torchvision()
    make_authors()


if __name__ == "__main__":
    main()

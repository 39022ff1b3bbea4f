//! WebGL2: all cells in one draw call, all boxes in another; colours and patterns in the fragment shaders.

use super::{Renderer, Viewport};
use crate::palette::Palette;
use crate::scene::{Band, Cells, Quad, Scene};
use wasm_bindgen::JsCast;
use web_sys::{
    HtmlCanvasElement, WebGl2RenderingContext as Gl, WebGlBuffer, WebGlProgram, WebGlShader, WebGlTexture,
    WebGlUniformLocation, WebGlVertexArrayObject,
};

const QUAD_VERTEX: &str = include_str!("quad.vert");
const QUAD_FRAGMENT: &str = concat!(include_str!("patterns.glsl"), include_str!("quad.frag"));
const CELLS_VERTEX: &str = include_str!("cells.vert");
const CELLS_FRAGMENT: &str = concat!(include_str!("patterns.glsl"), include_str!("cells.frag"));

/// Draws by WebGL2.
pub struct WebGl {
    canvas: HtmlCanvasElement,
    gl: Gl,
    quads: Instances,
    cells: Instances,
    cell: Option<WebGlUniformLocation>,
    progress: Option<WebGlUniformLocation>,
    dots: Option<WebGlUniformLocation>,
    share: Option<WebGlUniformLocation>,
    /// Each with the grid that it holds: of the level that is shown, and of the one that was left.
    textures: [(WebGlTexture, Option<u64>); 2],
    floats: Vec<f32>,
}

/// A program, and a buffer with a row of floats for every box that it draws.
struct Instances {
    program: WebGlProgram,
    layout: WebGlVertexArrayObject,
    buffer: WebGlBuffer,
    size: Option<WebGlUniformLocation>,
    ratio: Option<WebGlUniformLocation>,
    palette: Option<WebGlUniformLocation>,
}

impl Instances {
    /// `attributes` are floats a box, by location.
    fn new(gl: &Gl, vertex: &str, fragment: &str, attributes: &[i32]) -> Result<Self, String> {
        let program = link(gl, vertex, fragment)?;
        let buffer = gl.create_buffer().ok_or("no buffer")?;
        let layout = gl.create_vertex_array().ok_or("no vertex array")?;
        gl.bind_vertex_array(Some(&layout));
        gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&buffer));
        let stride = attributes.iter().sum::<i32>() * 4;
        let mut offset = 0;
        for (location, count) in (0..).zip(attributes) {
            gl.enable_vertex_attrib_array(location);
            gl.vertex_attrib_pointer_with_i32(location, *count, Gl::FLOAT, false, stride, offset);
            gl.vertex_attrib_divisor(location, 1);
            offset += count * 4;
        }
        let uniform = |name| gl.get_uniform_location(&program, name);
        let (size, ratio, palette) = (uniform("u_size"), uniform("u_ratio"), uniform("u_palette"));
        Ok(Self { program, layout, buffer, size, ratio, palette })
    }

    fn draw(&self, gl: &Gl, floats: &[f32], count: usize, palette: &Palette, viewport: Viewport) {
        gl.use_program(Some(&self.program));
        gl.bind_vertex_array(Some(&self.layout));
        gl.uniform2f(self.size.as_ref(), viewport.width, viewport.height);
        gl.uniform1f(self.ratio.as_ref(), viewport.ratio);
        gl.uniform4fv_with_f32_array(self.palette.as_ref(), palette.as_flattened());
        gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&self.buffer));
        let data = js_sys::Float32Array::from(floats);
        gl.buffer_data_with_array_buffer_view(Gl::ARRAY_BUFFER, &data, Gl::DYNAMIC_DRAW);
        gl.draw_arrays_instanced(Gl::TRIANGLE_STRIP, 0, 4, i32::try_from(count).unwrap_or(i32::MAX));
    }
}

impl WebGl {
    /// On `canvas`, or why not.
    pub fn new(canvas: HtmlCanvasElement) -> Result<Self, String> {
        let context =
            canvas.get_context("webgl2").map_err(|_| "WebGL2 is refused")?.ok_or("there is no WebGL2")?;
        let gl: Gl = context.dyn_into().map_err(|_| "there is no WebGL2")?;
        // Rectangle 4, fills and progress 3, opacity, radius, inferred 3.
        let quads = Instances::new(&gl, QUAD_VERTEX, QUAD_FRAGMENT, &[4, 3, 3])?;
        // Left, top, width, rows; first row.
        let cells = Instances::new(&gl, CELLS_VERTEX, CELLS_FRAGMENT, &[4, 1])?;
        let textures = [(texture(&gl)?, None), (texture(&gl)?, None)];
        gl.enable(Gl::BLEND);
        gl.blend_func(Gl::ONE, Gl::ONE_MINUS_SRC_ALPHA);
        let uniform = |name| gl.get_uniform_location(&cells.program, name);
        let (cell, progress) = (uniform("u_cell"), uniform("u_progress"));
        let (dots, share) = (uniform("u_dots"), uniform("u_share"));
        Ok(Self { canvas, gl, quads, cells, cell, progress, dots, share, textures, floats: Vec::new() })
    }

    /// `beside` is the grid that is drawn in the same picture.
    fn draw_cells(&mut self, cells: &Cells, beside: Option<u64>, palette: &Palette, viewport: Viewport) {
        let (gl, grid) = (&self.gl, &cells.grid);
        let rows = grid.cells.len() / grid.columns.max(1);
        if rows == 0 {
            return;
        }
        let textures = &mut self.textures;
        let held = textures.iter().position(|(_, holds)| *holds == Some(cells.id));
        let at = held.unwrap_or_else(|| usize::from(beside.is_some() && textures[0].1 == beside));
        let (texture, holds) = &mut textures[at];
        gl.bind_texture(Gl::TEXTURE_2D, Some(texture));
        if held.is_none() {
            let (width, height) = (grid.columns.try_into().unwrap_or(1), rows.try_into().unwrap_or(1));
            let format = Gl::RGBA8UI.cast_signed();
            let bytes = Some(grid.cells.as_flattened());
            // Fails only where the rows do not fit the array, which is made of them.
            let _ = gl.tex_image_2d_with_i32_and_i32_and_i32_and_format_and_type_and_opt_u8_array(
                Gl::TEXTURE_2D,
                0,
                format,
                width,
                height,
                0,
                Gl::RGBA_INTEGER,
                Gl::UNSIGNED_BYTE,
                bytes,
            );
            *holds = Some(cells.id);
        }
        gl.use_program(Some(&self.cells.program));
        gl.uniform2f(self.cell.as_ref(), cells.width, cells.height);
        gl.uniform1f(self.progress.as_ref(), cells.progress);
        gl.uniform1f(self.share.as_ref(), cells.share);
        gl.uniform1f(self.dots.as_ref(), f32::from(u8::from(cells.dots)));
        self.floats.clear();
        for Band { x, y, width, rows, first_row } in &cells.bands {
            self.floats.extend_from_slice(&[*x, *y, *width, float(*rows), float(*first_row)]);
        }
        self.cells.draw(gl, &self.floats, cells.bands.len(), palette, viewport);
    }
}

/// Rows of a screen, exactly.
fn float(n: u32) -> f32 {
    f32::from(u16::try_from(n).unwrap_or(u16::MAX))
}

impl Renderer for WebGl {
    fn name(&self) -> &'static str {
        "webgl2"
    }

    fn draw(&mut self, scene: &Scene, palette: &Palette, viewport: Viewport) {
        let pixels = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        self.gl.viewport(0, 0, pixels(self.canvas.width()), pixels(self.canvas.height()));
        self.gl.clear_color(0.0, 0.0, 0.0, 0.0);
        self.gl.clear(Gl::COLOR_BUFFER_BIT);
        let leaving = scene.leaving.as_ref();
        let [old, new] = [leaving, scene.cells.as_ref()].map(|cells| cells.map(|cells| cells.id));
        if let Some(cells) = leaving {
            self.draw_cells(cells, new, palette, viewport);
            // Two shares of a picture are a whole one.
            self.gl.blend_func(Gl::ONE, Gl::ONE);
        }
        if let Some(cells) = &scene.cells {
            self.draw_cells(cells, old, palette, viewport);
        }
        self.gl.blend_func(Gl::ONE, Gl::ONE_MINUS_SRC_ALPHA);
        self.floats.clear();
        for Quad { rect, from, to, mix, alpha, radius, inferred } in &scene.quads {
            let inferred = f32::from(u8::from(*inferred));
            let floats =
                [rect.x, rect.y, rect.w, rect.h, from.index(), to.index(), *mix, *alpha, *radius, inferred];
            self.floats.extend_from_slice(&floats);
        }
        self.quads.draw(&self.gl, &self.floats, scene.quads.len(), palette, viewport);
    }
}

/// Of cells, each as it is.
fn texture(gl: &Gl) -> Result<WebGlTexture, String> {
    let texture = gl.create_texture().ok_or("no texture")?;
    gl.bind_texture(Gl::TEXTURE_2D, Some(&texture));
    for (name, value) in [
        (Gl::TEXTURE_MIN_FILTER, Gl::NEAREST),
        (Gl::TEXTURE_MAG_FILTER, Gl::NEAREST),
        (Gl::TEXTURE_WRAP_S, Gl::CLAMP_TO_EDGE),
        (Gl::TEXTURE_WRAP_T, Gl::CLAMP_TO_EDGE),
    ] {
        gl.tex_parameteri(Gl::TEXTURE_2D, name, value.cast_signed());
    }
    Ok(texture)
}

fn link(gl: &Gl, vertex: &str, fragment: &str) -> Result<WebGlProgram, String> {
    let program = gl.create_program().ok_or("no program")?;
    gl.attach_shader(&program, &compile(gl, Gl::VERTEX_SHADER, vertex)?);
    gl.attach_shader(&program, &compile(gl, Gl::FRAGMENT_SHADER, fragment)?);
    gl.link_program(&program);
    if gl.get_program_parameter(&program, Gl::LINK_STATUS).is_truthy() {
        Ok(program)
    } else {
        Err(gl.get_program_info_log(&program).unwrap_or_default())
    }
}

fn compile(gl: &Gl, kind: u32, source: &str) -> Result<WebGlShader, String> {
    let shader = gl.create_shader(kind).ok_or("no shader")?;
    gl.shader_source(&shader, source);
    gl.compile_shader(&shader);
    if gl.get_shader_parameter(&shader, Gl::COMPILE_STATUS).is_truthy() {
        Ok(shader)
    } else {
        Err(gl.get_shader_info_log(&shader).unwrap_or_default())
    }
}
